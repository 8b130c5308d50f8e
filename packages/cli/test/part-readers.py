# What readers of Parquet and safetensors that are not ours make of a job's parts, as JSON.
# argv: the job's folder; the five lines of docs/bulk.md, which open `folder`.
import json, sys

folder, lines = sys.argv[1:]
said = {"folder": folder}
exec(lines, said)
rows, embeddings, keys, job = said["rows"], said["embeddings"], said["keys"], said["job"]
import duckdb, numpy, pyarrow.parquet as pq, safetensors

files = [str(job / key) for key in keys if key.endswith(".parquet")]
good = rows[rows.error.isna()]


def one(column, value):
    """How many rows each reader finds by a value: they skip what a file's bounds rule out."""
    arrow = sum(len(pq.read_table(each, filters=[(column, "=", value)])) for each in files)
    duck = duckdb.execute(f"select count(*) from read_parquet(?) where {column} = ?", [files, value]).fetchone()[0]
    return [arrow, duck]


columns = duckdb.execute("describe select * from read_parquet(?)", [files]).fetchall()
part = safetensors.safe_open(str(job / next(key for key in keys if key.endswith(".safetensors"))), "np")
print(
    json.dumps(
        {
            "rows": len(rows),
            "uris": rows.uri.tolist(),
            "errors": rows.error.dropna().tolist(),
            "embeddings": list(embeddings.shape),
            "norms": [float(numpy.linalg.norm(row)) for row in embeddings],
            "types": {name: kind for name, kind, *_ in columns},
            "found": [one("uri", uri) for uri in rows.uri] + [one("sha256", digest) for digest in good.sha256],
            "sums": [float(sum(row)) for row in good.probabilities],
            "prompts": sorted({len(row) for row in good.entropies}),
            "missing": int(rows.probabilities.isna().sum()),
            "best": duckdb.execute(
                "select count(*) from read_parquet(?) where list_max(probabilities) > 0 and prediction is not null", [files]
            ).fetchone()[0],
            "digests": [bytes(row).hex() for row in part.get_tensor("sha256")] == good.sha256.tolist()[: part.get_tensor("sha256").shape[0]],
            "metadata": part.metadata(),
            "notice": pq.read_schema(files[0]).metadata[b"notice"].decode(),
        }
    )
)
