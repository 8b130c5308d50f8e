// Bodies of several parts (RFC 2046, multipart/related), as DICOMweb sends files: split and joined. A body is held whole; its caller bounds it.

import { DicomwebError } from "../errors.js";

const text = new TextDecoder("latin1");
const CRLF2 = [13, 10, 13, 10];

/** The boundary that a content type names. @throws DicomwebError `bad_answer` */
export function boundaryOf(contentType: string): string {
  const quoted = /;\s*boundary="([^"]{1,70})"/i.exec(contentType)?.[1];
  const boundary = quoted ?? /;\s*boundary=([^\s;"]{1,70})/i.exec(contentType)?.[1];
  if (boundary === undefined) {
    throw new DicomwebError(
      "bad_answer",
      "archive's answer — expected multipart/related with a boundary, got another content type. Check that the address is a DICOMweb root.",
    );
  }
  return boundary;
}

/** Content of each part, without its header. @throws DicomwebError `bad_answer` where the body ends before its closing boundary */
export function partsOf(body: Uint8Array, boundary: string): Uint8Array[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = Buffer.from(`--${boundary}`, "latin1");
  const broken = () =>
    new DicomwebError("bad_answer", "archive's answer — expected parts up to a closing boundary, got a body that breaks off. Try again.");
  const parts: Uint8Array[] = [];
  let at = bytes.indexOf(delimiter);
  if (at < 0) throw broken();
  for (;;) {
    at += delimiter.length;
    if (text.decode(bytes.subarray(at, at + 2)) === "--") return parts;
    const head = bytes.indexOf(Buffer.from(CRLF2), at);
    // the delimiter belongs to the line break before it
    const end = head < 0 ? -1 : bytes.indexOf(Buffer.concat([Buffer.from("\r\n"), delimiter]), head + 2);
    if (head < 0 || end < 0) throw broken();
    // no Buffer: who reads the part may take its slices for copies
    parts.push(body.subarray(head + 4, Math.max(head + 4, end)));
    at = end + 2;
  }
}

/** A boundary that stands in none of the files. */
function freeBoundary(files: readonly Uint8Array[]): string {
  for (let n = 0; ; n++) {
    const boundary = `biovlm-part-${n}`;
    if (files.every((file) => !Buffer.from(file.buffer, file.byteOffset, file.byteLength).includes(boundary, 0, "latin1"))) return boundary;
  }
}

/** A body of DICOM files, and its content type. */
export function dicomBody(files: readonly Uint8Array[]): { readonly body: Uint8Array<ArrayBuffer>; readonly contentType: string } {
  const boundary = freeBoundary(files);
  const pieces = files.flatMap((file) => [
    Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\nContent-Length: ${file.byteLength}\r\n\r\n`, "latin1"),
    file,
    Buffer.from("\r\n"),
  ]);
  const body = Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`, "latin1")]);
  return { body: new Uint8Array(body), contentType: `multipart/related; type="application/dicom"; boundary=${boundary}` };
}
