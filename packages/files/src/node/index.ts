// The Node part of @biovlm/files: files that are old or new and never torn, locks between processes, downloads, folders, hashes.

export { fileFailure, systemCode } from "../file-failure.js";
export { type FileContent, processRuns, sweepTemporaries, syncFile, syncFolder, writeAll, writeFileAtomic } from "./atomic-file.js";
export { type DownloadJob, type DownloadReport, download, putInPlace } from "./download.js";
export { type FileStoreOptions, fileStore } from "./file-store.js";
export { type DataFolders, dataFolders, type HostPlace, thisPlace } from "./folders.js";
export { digestFile, type ExpectedContent, type ExpectedDigest, feed, HASH_CHUNK, matches, sha256File, startHash } from "./hash-file.js";
export { MAX_HEADER_BYTES, mayNameVoxels, readImageWithin, voxelsName, withVoxels } from "./image-bytes.js";
export { type LockHolder, type LockOptions, thisHost, withLock } from "./lock.js";
export { connectionAdvice, networkFetch } from "./network-fetch.js";
export { type OwnFolder, ownFolder, sweepOwnFolders } from "./own-folder.js";
export { openRegular, readFileWithin } from "./read-file.js";
export { checkRelativePath, checkSha256 } from "./safe-path.js";
export {
  type FoundImages,
  findImages,
  leftOutByName,
  leftOutNote,
  type WalkOptions,
  walkImages,
} from "./walk.js";
export { type FileWatch, watchFiles } from "./watch-files.js";
