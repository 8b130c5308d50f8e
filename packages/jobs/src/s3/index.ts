// @biovlm/jobs/s3: stores and images in S3-compatible buckets, with what they need: signing, XML.

export { S3Client, type S3Patience, type S3Place, s3Place } from "./s3-client.js";
export { type S3Images, s3Images } from "./s3-images.js";
export { s3Rows } from "./s3-listing.js";
export { openS3Store, readS3Store, type S3Store } from "./s3-store.js";
export { s3ListRows } from "./s3-voxels.js";
