import { PangeaError } from '../../errors/errors.ts';
import type { ByteReader, ByteWriter } from '../../std/std.ts';
import type { Hello } from '../transport.ts';
import { readFlags, readList, readText, writeList, writeText } from './fields.ts';
import type { Message } from './message.ts';

const maxVersionBytes = 64;
const maxAddresses = 32;
const maxAddressBytes = 512;
const maxCertificateBytes = 4096;
const maxDomainBytes = 128;
const storingFlag = 1;

/** Both directions carry the same thing: who I am, beyond the key. */
export const helloMessage: Message<'hello'> = {
  code: 8,
  writeRequest: (writer, request) => writeHello(writer, request.hello),
  readRequest: (reader) => ({ type: 'hello', hello: readHello(reader) }),
  writeAnswer: (writer, answer) => writeHello(writer, answer.hello),
  readAnswer: (reader) => ({ hello: readHello(reader) }),
};

function writeHello(writer: ByteWriter, hello: Hello): void {
  writer.u64(hello.label);
  writeText(writer, hello.version, maxVersionBytes);
  writeList(writer, hello.quicAddresses, maxAddresses, (address) => writeText(writer, address, maxAddressBytes));
  writeList(writer, hello.multiaddrs, maxAddresses, (address) => writeText(writer, address, maxAddressBytes));
  if (hello.certificate.length > maxCertificateBytes) {
    throw new PangeaError('INTERNAL', `a certificate of ${hello.certificate.length} bytes, at most ${maxCertificateBytes} fit`);
  }
  writer.u16(hello.certificate.length).bytes(hello.certificate);
  writer.u8(hello.storing ? storingFlag : 0).u64(hello.freeBytes);
  writeText(writer, hello.failureDomain, maxDomainBytes);
}

function readHello(reader: ByteReader): Hello {
  return {
    label: reader.u64(),
    version: readText(reader, maxVersionBytes),
    quicAddresses: readList(reader, maxAddresses, 2, () => readText(reader, maxAddressBytes)),
    multiaddrs: readList(reader, maxAddresses, 2, () => readText(reader, maxAddressBytes)),
    certificate: readCertificate(reader),
    storing: readFlags(reader, storingFlag) !== 0,
    freeBytes: reader.u64(),
    failureDomain: readText(reader, maxDomainBytes),
  };
}

function readCertificate(reader: ByteReader): Uint8Array {
  const length = reader.u16();
  if (length > maxCertificateBytes) throw new RangeError(`a certificate of ${length} bytes, at most ${maxCertificateBytes} are taken`);
  return new Uint8Array(reader.bytes(length));
}
