/** The project's own files for a browser, as the example serves them. What a page posts goes to the test. */
import { serveProject } from '../../examples/browser/serve.ts';

const maxReportBytes = 64 * 1024 * 1024;

export interface Served {
  readonly origin: string;
  /** The body of the first report. */
  readonly report: Promise<Buffer>;
  close(): Promise<void>;
}

export async function serveWithReport(): Promise<Served> {
  const { promise: report, resolve, reject } = Promise.withResolvers<Buffer>();
  const { server, origin } = await serveProject(0, (request, response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxReportBytes) request.destroy(new Error('the report is too long'));
      else chunks.push(chunk);
    });
    request.on('error', reject);
    request.on('end', () => {
      response.writeHead(204).end();
      resolve(Buffer.concat(chunks));
    });
  });
  return {
    origin,
    report,
    close: () => new Promise((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    }),
  };
}
