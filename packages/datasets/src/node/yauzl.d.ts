// The part of yauzl 3 that is used here; the package brings no types of its own.

declare module "yauzl" {
  import type { EventEmitter } from "node:events";
  import type { Readable } from "node:stream";

  export interface Options {
    readonly lazyEntries: true;
    readonly autoClose: boolean;
    readonly strictFileNames: boolean;
    readonly validateEntrySizes: boolean;
  }

  export interface Entry {
    readonly fileName: string;
    readonly compressedSize: number;
    readonly uncompressedSize: number;
    /** 0 stored, 8 deflate */
    readonly compressionMethod: number;
    readonly crc32: number;
    isEncrypted(): boolean;
  }

  export interface ZipFile extends EventEmitter {
    readonly entryCount: number;
    readonly fileSize: number;
    readEntry(): void;
    /** `start` counts bytes of a stored member */
    openReadStream(
      entry: Entry,
      options: { readonly start?: number },
      callback: (error: Error | null | undefined, stream: Readable) => void,
    ): void;
    close(): void;
  }

  export function open(path: string, options: Options, callback: (error: Error | null | undefined, zip: ZipFile) => void): void;
  const yauzl: { readonly open: typeof open };
  export default yauzl;
}
