// What users of the AWS SDK for JavaScript do with a bucket, byte for byte.
//
// Arguments: what to do (a name below), the endpoint, an empty bucket. Keys come
// from the environment. Ends with 0 only if all is as it must be.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const PART = 5 * 1024 * 1024;
const [task, endpoint, Bucket] = process.argv.slice(2);
// Sent once: a retry would hide an answer that went wrong or did not come.
const s3 = new S3Client({ endpoint, region: process.env.AWS_DEFAULT_REGION, forcePathStyle: true, maxAttempts: 1 });

async function everyday() {
  await smallObjects();
  await streams();
  await conditions();
  await copiesAndListings();
  await linksThatGive();
}

async function smallObjects() {
  for (const [Key, Body] of [["a b/ü+1", "small"], ["empty", ""]]) {
    const put = await s3.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: "text/x", Metadata: { n: "1" } }));
    assert.ok(put.ChecksumCRC32, "the SDK's own checksum is kept");
    const got = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.equal(await got.Body.transformToString(), Body);
    assert.deepEqual([got.ContentType, got.Metadata, got.ChecksumCRC32], ["text/x", { n: "1" }, put.ChecksumCRC32]);
  }
  await refused(new GetObjectCommand({ Bucket, Key: "missing" }), "NoSuchKey", 404);
  await refused(new HeadObjectCommand({ Bucket, Key: "missing" }), "NotFound", 404);
}

// One of unknown length goes up in parts, one of a known length at once.
async function streams() {
  const pieces = Array.from({ length: 120 }, (_, n) => createHash("sha512").update(`${n}`).digest().subarray());
  const body = Buffer.concat(pieces.map((piece) => Buffer.alloc(100_003, piece)));
  const stream = () => Readable.from(pieces.map((piece) => Buffer.alloc(100_003, piece)));
  const upload = new Upload({ client: s3, params: { Bucket, Key: "parts", Body: stream() }, partSize: PART, queueSize: 3 });
  assert.match((await upload.done()).ETag, /-3"$/);
  await s3.send(new PutObjectCommand({ Bucket, Key: "whole", Body: stream(), ContentLength: body.length }));
  for (const Key of ["parts", "whole"]) {
    const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
    assert.ok((await buffer(got.Body)).equals(body), `${Key} is another`);
    const part = await s3.send(new GetObjectCommand({ Bucket, Key, Range: "bytes=5242870-5242889" }));
    assert.ok((await buffer(part.Body)).equals(body.subarray(5242870, 5242890)), `a part of ${Key} is another`);
  }
}

async function conditions() {
  const put = (condition) => new PutObjectCommand({ Bucket, Key: "once", Body: "x", ...condition });
  const { ETag } = await s3.send(put({ IfNoneMatch: "*" }));
  await refused(put({ IfNoneMatch: "*" }), "PreconditionFailed", 412);
  await s3.send(put({ IfMatch: ETag }));
  await refused(put({ IfMatch: '"0"' }), "PreconditionFailed", 412);
  await refused(new GetObjectCommand({ Bucket, Key: "once", IfNoneMatch: ETag }), "Unknown", 304);
}

async function copiesAndListings() {
  const CopySource = `${Bucket}/${encodeURIComponent("a b/ü+1")}`;
  for (let n = 0; n < 7; n++) await s3.send(new CopyObjectCommand({ Bucket, Key: `copies/${n}`, CopySource }));
  const sizes = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 3 }, { Bucket, Prefix: "copies/" }))
    sizes.push(...page.Contents.map((row) => row.Size));
  assert.deepEqual(sizes, Array(7).fill(5));
  const grouped = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: "/" }));
  assert.deepEqual(grouped.CommonPrefixes.map((row) => row.Prefix), ["a b/", "copies/"]);
  const Objects = Array.from({ length: 7 }, (_, n) => ({ Key: `copies/${n}` }));
  const gone = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  assert.equal(gone.Deleted.length, 7);
  assert.equal((await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "copies/" }))).KeyCount, 0);
}

async function linksThatGive() {
  const link = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "a b/ü+1" }), { expiresIn: 60 });
  const answer = await fetch(link);
  assert.deepEqual([answer.status, await answer.text()], [200, "small"]);
}

// The SDK writes the checksum of an empty body into a link for a body that it does not know yet.
async function linkThatTakes() {
  const link = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "taken" }), { expiresIn: 60 });
  const answer = await fetch(link, { method: "PUT", body: "by link" });
  assert.equal(answer.status, 200, await answer.text());
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "taken" }));
  assert.equal(await got.Body.transformToString(), "by link");
}

async function refused(command, name, status) {
  await assert.rejects(s3.send(command), (error) => error.name === name && error.$metadata.httpStatusCode === status);
}

await { everyday, linkThatTakes }[task]();
