/** Pages in a headless Chromium, each with storage of its own, driven over the DevTools protocol. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findChromium } from '../../browser/chromium.ts';

const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-dev-shm-usage', '--remote-debugging-port=0', '--window-size=900,700', 'about:blank',
  // A page in the background must hear of changes as quickly as one in front.
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
];

const patienceMs = 30_000;

const found = findChromium();
/** For `test`'s option: false, or why nothing can be run. */
export const skip = 'reason' in found ? found.reason : false;

type Params = Readonly<Record<string, unknown>>;
type Answer = { readonly id?: number; readonly sessionId?: string; readonly method?: string; readonly params?: Params; readonly result?: Params; readonly error?: { readonly message: string } };

export class Chromium {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve(result: Params): void; reject(error: Error): void }>();
  readonly #ended: Promise<void>;
  readonly #listeners = new Map<string, (method: string, params: Params) => void>();
  #calls = 0;

  static async launch(): Promise<Chromium> {
    if ('reason' in found) throw new Error(found.reason);
    const profile = mkdtempSync(join(tmpdir(), 'pangea-graph-browser-'));
    const child = spawn(found.path, [...flags, `--user-data-dir=${profile}`], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    const address = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stderr.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString()).slice(-4000);
        const match = /DevTools listening on (ws:\S+)/.exec(text);
        if (match?.[1] !== undefined) resolve(match[1]);
      });
      child.on('error', reject);
      child.on('close', () => reject(new Error(`Chromium ended: ${text}`)));
    });
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error('no way to Chromium')));
    });
    return new Chromium(child, profile, socket);
  }

  private constructor(child: ChildProcess, profile: string, socket: WebSocket) {
    this.#child = child;
    this.#profile = profile;
    this.#socket = socket;
    this.#ended = new Promise((resolve) => child.on('close', () => resolve()));
    socket.addEventListener('message', ({ data }) => this.#hear(JSON.parse(String(data)) as Answer));
  }

  /** A page with cookies, databases and storage of its own, as another person's. */
  async open(url: string): Promise<Page> {
    const { browserContextId } = await this.send('Target.createBrowserContext');
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, String(sessionId), String(browserContextId));
    this.#listeners.set(String(sessionId), (method, params) => page.hear(method, params));
    await page.send('Page.enable');
    await page.send('Runtime.enable');
    await page.go(url);
    return page;
  }

  send(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    });
  }

  async close(): Promise<void> {
    this.#socket.close();
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) process.kill(-this.#child.pid, 'SIGKILL');
    await this.#ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #hear(answer: Answer): void {
    if (answer.id === undefined) return this.#listeners.get(answer.sessionId ?? '')?.(answer.method ?? '', answer.params ?? {});
    const call = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.error) call?.reject(new Error(answer.error.message));
    else call?.resolve(answer.result ?? {});
  }
}

export class Page {
  /** What the page wrote to its console as errors, and exceptions that nobody caught. */
  readonly errors: string[] = [];
  readonly #browser: Chromium;
  readonly #session: string;
  readonly #context: string;
  #loaded: (() => void) | undefined;

  constructor(browser: Chromium, session: string, context: string) {
    this.#browser = browser;
    this.#session = session;
    this.#context = context;
  }

  send(method: string, params: Params = {}): Promise<Params> {
    return this.#browser.send(method, params, this.#session);
  }

  /** Settles when the page is loaded. */
  async go(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => (this.#loaded = resolve));
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText !== undefined) throw new Error(`${url}: ${String(errorText)}`);
    await loaded;
  }

  async reload(): Promise<void> {
    const loaded = new Promise<void>((resolve) => (this.#loaded = resolve));
    await this.send('Page.reload');
    await loaded;
  }

  /** The value of JavaScript in the page, awaited there. What it throws, this throws. */
  async run<T>(script: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', { expression: script, awaitPromise: true, returnByValue: true, userGesture: true })) as {
      readonly result: { readonly value: T }; readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } };
    };
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Runs until it gives something that is true, for as long as a slow machine may take. */
  async until<T>(script: string): Promise<T> {
    for (const end = performance.now() + patienceMs; performance.now() < end;) {
      const value = await this.run<T>(script);
      if (value) return value;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`the page never came to: ${script}\n${this.errors.join('\n')}\n${await this.run<string>('document.body.innerText')}`);
  }

  /** Presses real keys in the element. */
  async type(selector: string, text: string): Promise<void> {
    await this.run(`document.querySelector(${JSON.stringify(selector)}).focus()`);
    await this.send('Input.insertText', { text });
  }

  async press(key: 'Enter'): Promise<void> {
    for (const type of ['keyDown', 'keyUp']) await this.send('Input.dispatchKeyEvent', { type, key, code: key, windowsVirtualKeyCode: 13, text: '\r' });
  }

  click(selector: string): Promise<void> {
    return this.run(`document.querySelector(${JSON.stringify(selector)}).click()`);
  }

  async screenshot(file: string): Promise<void> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    writeFileSync(file, Buffer.from(String(data), 'base64'));
  }

  async close(): Promise<void> {
    await this.#browser.send('Target.disposeBrowserContext', { browserContextId: this.#context });
  }

  hear(method: string, params: Params): void {
    if (method === 'Page.loadEventFired') this.#loaded?.();
    const thrown = params['exceptionDetails'] as { readonly text: string; readonly exception?: { readonly description?: string } } | undefined;
    if (method === 'Runtime.exceptionThrown') this.errors.push(thrown?.exception?.description ?? thrown?.text ?? 'unknown');
    if (method === 'Runtime.consoleAPICalled' && params['type'] === 'error') this.errors.push(JSON.stringify((params['args'] as { value?: unknown; description?: string }[]).map(({ value, description }) => value ?? description)));
  }
}
