export { type FileContent, sweepTemporaries, writeFileAtomic } from "./atomic-file.js";
export { type DataFolders, dataFolders, type HostPlace, type HubSettings, hubSettings, thisPlace } from "./data-folders.js";
export { fileFailure } from "./file-failure.js";
export { type FileStoreOptions, fileStore } from "./file-store.js";
export { type LockHolder, type LockOptions, withLock } from "./process-lock.js";
