// A job in a bucket of a real server, also through a network that is busy, slow, torn and silent.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { cases, type S3Proxy, type S3Server, startLackingS3, startS3Proxy, startS3Server, withoutProgram } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  collectGarbage,
  folderStore,
  type JobStore,
  jobStatus,
  mergeJob,
  type PlanRow,
  planJob,
  readJob,
  verifyJob,
  workAll,
  workShard,
} from "../src/index.js";
import { readShard } from "../src/job.js";
import { openS3Store, readS3Store, S3Client, s3Images, s3ListRows, s3Place, s3Rows } from "../src/s3/index.js";
import { place, planned } from "./made-up-job.js";
import { MADE_UP } from "./made-up-work.js";

const KEYS = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "s" };

const contents = async (store: JobStore) => {
  const found: Record<string, string> = {};
  for (const below of ["commits", "parts"])
    for (const name of await store.list(below))
      found[`${below}/${name}`] = Buffer.from((await store.get(`${below}/${name}`))!).toString("base64");
  return found;
};
/** The same job in a folder, as one worker leaves it. */
const inFolder = async (rows: number) => {
  const store = folderStore(place());
  const job = await planned(store, rows);
  for (const shard of job.shards.keys()) await workShard(store, job, shard, MADE_UP);
  return contents(store);
};

describe("a place in S3", () => {
  it("is a bucket, a prefix, and what the usual variables say", () => {
    expect(s3Place("s3://my-bucket/a/b/", { ...KEYS, AWS_REGION: "eu-west-1", AWS_SESSION_TOKEN: "t" })).toEqual({
      bucket: "my-bucket",
      prefix: "a/b",
      region: "eu-west-1",
      endpoint: "https://s3.eu-west-1.amazonaws.com",
      credentials: { accessKeyId: "a", secretAccessKey: "s", sessionToken: "t" },
    });
    expect(s3Place("s3://bucket", { ...KEYS, AWS_ENDPOINT_URL: "http://x:1/" })).toMatchObject({ prefix: "", endpoint: "http://x:1" });
  });

  it.each(["s3://", "s3://a", "http://bucket/x", "s3://bu cket/x", "s3://bucket/../x", "s3://bucket/a/./b", "s3://bucket/a//b"])(
    "is not %j",
    (url) => {
      expect(() => s3Place(url, KEYS)).toThrow(/^S3 — expected (s3:\/\/bucket\/prefix|a prefix without)/);
    },
  );

  it("asks for credentials by their names, and says which way to them is not taken", () => {
    expect(() => s3Place("s3://bucket", {})).toThrow(/AWS_ACCESS_KEY_ID.*export-credentials/);
    for (const name of ["AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"])
      expect(() => s3Place("s3://bucket", { [name]: "secret-place" })).toThrow(new RegExp(`got ${name} alone`));
    expect(() => s3Place("s3://bucket", { AWS_PROFILE: "secret-place" })).not.toThrow(/secret-place/);
  });
});

describe("calls on a store that is none", () => {
  type Answer = readonly [status: number, body: string, headers?: Readonly<Record<string, string>>];
  const serve = async (answer: (headers: Record<string, unknown>, method: string | undefined) => Answer) => {
    let calls = 0;
    const server = createServer((incoming, outgoing) => {
      calls++;
      const [status, body, headers] = answer(incoming.headers, incoming.method);
      outgoing.writeHead(status, headers).end(body);
    }).listen(0, "127.0.0.1");
    await new Promise((ready) => server.once("listening", ready));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = new S3Client(s3Place("s3://bucket/x", { ...KEYS, AWS_ENDPOINT_URL: endpoint }), { waitMs: 1, tries: 3 });
    return { client, calls: () => calls, close: () => server.close() };
  };

  it("end after so many tries, at once where they are refused, and at their signal", async () => {
    const busy = await serve(() => [503, ""]);
    await expect(busy.client.call({ method: "GET", key: "a" })).rejects.toMatchObject({ code: "network" });
    expect(busy.calls()).toBe(3);
    await expect(busy.client.call({ method: "GET", key: "a", signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow("stopped");
    busy.close();
    await expect(busy.client.call({ method: "GET", key: "a" })).rejects.toMatchObject({ code: "network" });
    const shut = await serve(() => [403, "<Error><Code>AccessDenied</Code></Error>"]);
    await expect(shut.client.call({ method: "GET", key: "a" })).rejects.toThrow(/403 AccessDenied/);
    expect(shut.calls()).toBe(1);
    shut.close();
  });

  it.each([
    ["ExpiredToken", 400, {}, /get new ones, and work again/],
    ["RequestTimeTooSkewed", 403, {}, /clock of this machine/],
    ["SignatureDoesNotMatch", 403, {}, /AWS_SECRET_ACCESS_KEY/],
    [
      "PermanentRedirect",
      301,
      { "x-amz-bucket-region": "eu-west-2", location: "http://127.0.0.1:1/" },
      /it is in eu-west-2\. Set AWS_REGION to eu-west-2/,
    ],
    ["TemporaryRedirect", 307, { location: "http://127.0.0.1:1/" }, /it is elsewhere\. Set AWS_REGION/],
    ["AuthorizationHeaderMalformed", 400, { "x-amz-bucket-region": "eu-west-2" }, /AWS_REGION to eu-west-2/],
  ] as const)("end at once with %s (%i), which says what to do", async (code, status, headers, why) => {
    const { client, calls, close } = await serve(() => [status, `<Error><Code>${code}</Code></Error>`, headers]);
    await expect(client.call({ method: "GET", key: "a" })).rejects.toMatchObject({ code: "refused", message: expect.stringMatching(why) });
    expect(calls()).toBe(1);
    close();
  });

  it("end where a list does not go on, goes on for ever, or names keys that are no text", async () => {
    const page = (key: string, more: string) =>
      `<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>x/${key}</Key><Size>1</Size></Contents>${more}</ListBucketResult>`;
    const more = "<IsTruncated>true</IsTruncated>";
    for (const body of [
      page("a.png", more),
      page("a.png", `${more}<NextContinuationToken>t</NextContinuationToken>`),
      page("%E4.png", ""),
    ]) {
      const { client, close } = await serve(() => [200, body]);
      const all = async () => {
        for await (const row of s3Rows(client)) expect(row.uri).toBe("a.png");
      };
      await expect(all()).rejects.toMatchObject({ code: "store_failed" });
      close();
    }
    const odd = ["a b+c.png", "a//b.png", "a/../b.png", "folder/", "ü/日本.png", "q?&=%.png"];
    const contents = odd.map((key) => `<Contents><Key>x/${encodeURIComponent(key).replaceAll("%20", "+")}</Key><Size>1</Size></Contents>`);
    const { client, close } = await serve(() => [
      200,
      `<ListBucketResult><EncodingType>url</EncodingType>${contents.join("")}</ListBucketResult>`,
    ]);
    const rows: string[] = [];
    const leftOut = new Map<string, number>();
    for await (const { uri } of s3Rows(client, { leftOut })) rows.push(uri);
    expect(rows).toEqual(["a b+c.png", "ü/日本.png", "q?&=%.png"]);
    expect(Object.fromEntries(leftOut)).toEqual({ "not a path": 2, "folder mark": 1 });
    close();
  });

  it("write nothing for who only reads", async () => {
    const { client, close } = await serve((_, method) => (method === "GET" ? [404, "<Error><Code>NoSuchKey</Code></Error>"] : [403, ""]));
    await expect(readJob(readS3Store(client))).rejects.toMatchObject({ code: "not_found" });
    await expect(openS3Store(client)).rejects.toMatchObject({ code: "refused" });
    close();
  });

  it("read no more than they may, and take no list that is none", async () => {
    const large = await serve(() => [200, "x".repeat(2000)]);
    await expect(large.client.call({ method: "GET", key: "a", maxBytes: 1000 })).rejects.toMatchObject({ code: "too_large" });
    large.close();
    const none = await serve(() => [404, "<Error><Code>NoSuchBucket</Code></Error>"]);
    await expect(openS3Store(none.client)).rejects.toMatchObject({ code: "not_found" });
    await expect(s3Rows(none.client).next()).rejects.toMatchObject({ code: "not_found" });
    none.close();
  });
});

describe("a store that knows no conditional create", () => {
  it.each([true, false])("is found out, whether it says so (%s) or takes every write; then the last whole commit stands", async (says) => {
    const { endpoint, entries, stop } = await startLackingS3(says);
    const client = new S3Client(s3Place("s3://bucket/job", { ...KEYS, AWS_ENDPOINT_URL: endpoint }), { waitMs: 1, tries: 3 });
    const { store, conditional } = await openS3Store(client);
    expect(conditional).toBe(false);
    expect(entries.size).toBe(0);
    const job = await planned(store, 35);
    expect(await store.create("commits/00000.json", Uint8Array.of(1))).toBe(true);
    expect(await store.create("commits/00000.json", Uint8Array.of(2))).toBe(false);
    await store.remove("commits/00000.json");
    await Promise.all([0, 0, 1, 2, 3].map((shard) => workShard(store, job, shard, MADE_UP)));
    stop();
    const kept = [...entries].flatMap(([path, bytes]) => {
      const key = path.replace("bucket/job/", "");
      return /^(commits|parts)\//.test(key) ? [[key, bytes.toString("base64")] as const] : [];
    });
    expect(Object.fromEntries(kept)).toEqual(await inFolder(35));
  });
});

describe.skipIf(withoutProgram("versitygw"))("a bucket", () => {
  let server: S3Server;
  const clientOf = (prefix: string, endpoint?: string) =>
    new S3Client(s3Place(`s3://bucket/${prefix}`, server.env(endpoint)), { waitMs: 1, tries: 12, timeoutMs: 2000, pageKeys: 7 });
  beforeAll(async () => {
    server = await startS3Server();
  });
  afterAll(() => server?.stop());
  it("keeps entries, lists them by code units, and lets one of many creates win", async () => {
    const { store, conditional } = await openS3Store(clientOf("entries"));
    expect(conditional).toBe(true);
    expect(await store.get("a/b")).toBeUndefined();
    expect(await store.list("a")).toEqual([]);
    for (const name of ["b", "a", "B", "a-1"]) await store.put(`a/${name}`, new TextEncoder().encode(name));
    await store.put("a/deeper/c", new Uint8Array(0));
    expect(await store.list("a")).toEqual(["B", "a", "a-1", "b"]);
    expect(Buffer.from((await store.get("a/B"))!).toString()).toBe("B");
    expect(await store.get("a/deeper/c")).toHaveLength(0);
    const made = await Promise.all(Array.from({ length: 8 }, (_, i) => store.create("once", Uint8Array.of(i))));
    expect(made.filter(Boolean)).toHaveLength(1);
    expect((await store.get("once"))![0]).toBe(made.indexOf(true));
    await store.remove("once");
    await store.remove("once");
    expect(await store.get("once")).toBeUndefined();
    await expect(store.get("../x")).rejects.toMatchObject({ code: "bad_key" });
    expect(await store.list("probe")).toEqual([]);
  });

  it("gives the bytes that a folder gives, from plan to manifest, for two workers at once", async () => {
    const { store } = await openS3Store(clientOf("whole"));
    const job = await planned(store, 35);
    expect(await readJob(store)).toEqual(job);
    const work = async (turn: number) => {
      for await (const worked of workAll(store, job, { ...MADE_UP, turn })) expect(worked).toHaveProperty("outcome");
    };
    await Promise.all([work(0), work(1)]);
    await collectGarbage(store, job);
    expect(await contents(store)).toEqual(await inFolder(35));
    expect(await verifyJob(store, job)).toEqual([]);
    expect(await mergeJob(store, job)).toHaveLength(4);
  });

  it("loses and doubles nothing through a network that is busy, slow, torn and silent", async () => {
    const proxy: S3Proxy = await startS3Proxy(server.endpoint, { busy: 8, slow: 5, torn: 8, silent: 8 }, { seed: 5 });
    const rows = cases(400);
    const { store, conditional } = await openS3Store(clientOf("faults", proxy.endpoint));
    expect(conditional).toBe(true);
    const job = await planned(store, rows);
    let failed = 0;
    const work = async (turn: number) => {
      for await (const worked of workAll(store, job, { ...MADE_UP, turn })) if ("error" in worked) failed++;
    };
    await Promise.all([work(0), work(1)]);
    proxy.stop();
    expect(Math.min(...Object.values(proxy.done))).toBeGreaterThan(0);
    const direct = (await openS3Store(clientOf("faults"))).store;
    await collectGarbage(direct, job);
    expect({ failed, status: await jobStatus(direct, job) }).toMatchObject({
      failed: 0,
      status: { shards: { committed: rows / 10 }, rows: { embedded: rows * 0.9, failed: rows / 10 } },
    });
    expect(await contents(direct)).toEqual(await inFolder(rows));
  });

  it("lists images by name and DICOM by content, page after page, and gives them as they were planned", async () => {
    const client = clientOf("images");
    const put = (key: string, body: Uint8Array) => client.call({ method: "PUT", key, body });
    const names = Array.from({ length: cases(250) }, (_, i) => `series/${String(i).padStart(5, "0")}.png`);
    for (const name of names) await put(name, new TextEncoder().encode(name));
    await put("a b/ü+1&2.png", Uint8Array.of(1));
    await put("dicom/IM0001", Buffer.concat([Buffer.alloc(128), Buffer.from("DICM")]));
    for (const name of ["dicom/notes", "x.txt", ".hidden/a.png", "s.nhdr", "v.HDR", "v.IMG", "w.img"]) await put(name, Uint8Array.of(1));
    await clientOf("images-of-others").call({ method: "PUT", key: "z.png", body: Uint8Array.of(1) });
    const leftOut = new Map<string, number>();
    const rows: PlanRow[] = [];
    for await (const row of s3Rows(client, { leftOut })) rows.push(row);
    expect(rows.map(({ uri }) => uri)).toEqual(["a b/ü+1&2.png", "dicom/IM0001", "s.nhdr", ...names, "v.HDR"]);
    expect(Object.fromEntries(leftOut)).toEqual({ "not an image": 3, hidden: 1, "voxels of a header beside them": 1 });
    const images = s3Images(client, { maxImageBytes: 100 });
    const admitted: number[] = [];
    const admit = async (bytes: number) => void admitted.push(bytes);
    expect(await images.read(rows[0]!, admit)).toEqual(Uint8Array.of(1));
    expect(await images.read({ uri: names[0]! }, admit)).toHaveLength(names[0]!.length);
    expect(admitted).toEqual([1, names[0]!.length]);
    await put("a b/ü+1&2.png", Uint8Array.of(2));
    await expect(images.read(rows[0]!, admit)).rejects.toMatchObject({ code: "file_changed" });
    await expect(images.read(rows[1]!, admit)).rejects.toMatchObject({ code: "too_large" });
    await expect(images.read({ uri: "gone.png" }, admit)).rejects.toMatchObject({ code: "not_found" });
    // a header of a volume comes with its voxels, both within the limit
    await put("s.nhdr", Buffer.from("NRRD0004\ntype: uchar\ndata file: s.raw\n"));
    await expect(images.read({ uri: "s.nhdr" }, admit)).rejects.toMatchObject({ code: "not_found" });
    await put("s.raw", Uint8Array.of(7, 8));
    admitted.length = 0;
    expect(Buffer.from(await images.read({ uri: "s.nhdr" }, admit)).toString("latin1")).toBe("NRRD0004\ntype: uchar\n\n\x07\b");
    expect(admitted).toEqual([38, 2]);
    await put("s.raw", new Uint8Array(80));
    await expect(images.read({ uri: "s.nhdr" }, admit)).rejects.toMatchObject({ code: "too_large" });
    await put("s.nhdr", Buffer.from("NRRD0004\ntype: uchar\ndata file: ../s.raw\n"));
    await expect(images.read({ uri: "s.nhdr" }, admit)).rejects.toMatchObject({ code: "bad_path" });
    await images.check();
    const store = folderStore(place());
    expect((await planJob(store, rows, { source: "s3://bucket/images", facts: {} })).rows).toBe(rows.length);
  });

  it("holds both files of a volume to what was planned, of a listing and of a list, and takes a plan that says nothing of the second", async () => {
    const client = clientOf("volumes");
    const put = (key: string, body: Uint8Array) => client.call({ method: "PUT", key, body });
    const header = Buffer.alloc(348);
    header.write("ni1\0", 344, "latin1");
    const rows = async (list?: readonly PlanRow[]) => {
      const found: PlanRow[] = [];
      const given = async function* () {
        yield* list ?? [];
      };
      for await (const row of list === undefined ? s3Rows(client) : s3ListRows(client, given())) found.push(row);
      const store = folderStore(place());
      return readShard(store, (await planJob(store, found, { source: "s3://bucket/volumes", facts: {} })).job, 0);
    };
    const written = async () => {
      await put("a/v.hdr", header);
      await put("a/v.img", Buffer.from("voxels"));
      await put("b.nhdr", Buffer.from("NRRD0004\ntype: uchar\ndata file: b.raw\n"));
      await put("b.raw", Buffer.from("more voxels"));
    };
    const images = s3Images(client, { maxImageBytes: 1000 });
    const read = (row: PlanRow) => images.read(row, async () => {}).then(Buffer.from);
    await written();
    const listed = await rows();
    expect(listed).toMatchObject([
      { uri: "a/v.hdr", size: 348, voxels: { size: 6, etag: expect.any(String) } },
      { uri: "b.nhdr", voxels: { size: 11, etag: expect.any(String) } },
    ]);
    const fromList = await rows([{ uri: "b.nhdr" }, { uri: "gone.nhdr" }, { uri: "a/v.hdr", size: 348 }]);
    expect(fromList).toEqual([listed[1], { uri: "gone.nhdr" }, listed[0]]);
    for (const row of listed) expect((await read(row)).toString("latin1")).toMatch(/voxels$/);
    for (const [key, at] of [
      ["a/v.img", 0],
      ["b.raw", 1],
      ["a/v.hdr", 0],
      ["b.nhdr", 1],
    ] as const) {
      const row = listed[at]!;
      await put(key, Buffer.from("o".repeat(key.endsWith("img") ? 6 : 348)));
      await expect(read(row)).rejects.toMatchObject({ code: "file_changed" });
      // a plan of before: the voxels are what lies there
      const { voxels: _, ...old } = row;
      if (/img|raw/.test(key)) expect((await read(old)).toString("latin1")).toMatch(/ooo$/);
      await written();
    }
    // where a store names no contents, the sizes say what they can
    const { etag: _, ...unnamed } = { ...listed[0]!, voxels: { size: 6 } };
    await put("a/v.img", Buffer.from("others"));
    expect((await read(unnamed)).toString("latin1")).toMatch(/others$/);
    await put("a/v.img", Buffer.from("longer ones"));
    await expect(read(unnamed)).rejects.toMatchObject({ code: "file_changed" });
    await expect(read({ uri: "a/v.hdr", size: 347 })).rejects.toMatchObject({ code: "file_changed" });
  });
});
