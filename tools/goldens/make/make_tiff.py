"""Small TIFFs that libtiff in sharp does not read, and the pixels that tifffile and imagecodecs read from them.

    python make_tiff.py ../data/tiff.json

Needs numpy, tifffile, imagecodecs. Each row: the file's bytes (base64), the range that its values are shown in, if any, and the sha256 of its RGB8
pixels [height,width,3]: 8 bits as they are, 16 bits divided by 257 and rounded, values in a range by floor((v - low) / (high - low) * 255 + 0.5)
in double precision, clamped, with what is no number black; grey is repeated, alpha dropped.
"""

import base64
import hashlib
import io
import json
import sys

import imagecodecs
import numpy
import tifffile

W, H = 37, 23
y, x = numpy.mgrid[0:H, 0:W]
rng = numpy.random.default_rng(11)
grey = ((x * 7 + y * 11) % 256).astype(numpy.uint8)
grey16 = ((x * 1771 + y * 911) % 65536).astype(numpy.uint16)
rgb = numpy.stack([grey, (y * 9 + rng.integers(0, 9, grey.shape)) % 256, (x * y * 3) % 256], -1).astype(numpy.uint8)
rgb16 = numpy.stack([grey16, grey16[::-1], (x * y * 77) % 65536], -1).astype(numpy.uint16)
alpha = ((x * 5 + y) % 256).astype(numpy.uint8)
fractions = (x * 200 - y * 311) / 7
float64 = fractions * 1e3
float64[3, 4], float64[5, 6], float64[7, 8] = numpy.nan, numpy.inf, -numpy.inf
signed64 = ((x * 200 - y * 311) * 10**12 + x).astype(numpy.int64)
unsigned64 = (numpy.uint64(2**64 - 1) - ((x * 1771 + y * 911) % 65536).astype(numpy.uint64) * numpy.uint64(10**14)).astype(numpy.uint64)


def shown(values, limits):
    if limits is None:
        values = values if values.dtype == numpy.uint8 else ((values.astype(numpy.int64) + 128) // 257).astype(numpy.uint8)
    else:
        low, high = limits
        real = numpy.clip(values.astype(numpy.float64), low, high)
        eight = numpy.floor((real - low) / (high - low) * 255 + 0.5)
        values = numpy.nan_to_num(eight, nan=0).astype(numpy.uint8)
    return numpy.repeat(values[..., None], 3, -1) if values.ndim == 2 else values[..., :3]


def main(target):
    strips, tiles = {"rowsperstrip": 5}, {"tile": (16, 16)}
    zstd, colour, grey_ = {"compression": "zstd"}, {"photometric": "rgb"}, {"photometric": "minisblack"}
    wide_range, low, high = [-900, 800], -4 * 10**15, 5 * 10**15
    top = [float(2**64 - 7 * 10**18), float(2**64)]
    files = {
        "zstd grey": (grey, None, {**zstd, **strips, **grey_}),
        "zstd rgb tiles": (rgb, None, {**zstd, **tiles, **colour}),
        "zstd rgb strips predictor": (rgb, None, {**zstd, **strips, **colour, "predictor": True}),
        "zstd rgba tiles predictor": (numpy.dstack([rgb, alpha]), None, {**zstd, **tiles, **colour, "extrasamples": ["unassalpha"], "predictor": True}),
        "zstd rgb planes": (numpy.ascontiguousarray(rgb.transpose(2, 0, 1)), None, {**zstd, **strips, **colour, "planarconfig": "separate"}),
        "zstd grey16 predictor": (grey16, None, {**zstd, **strips, **grey_, "predictor": True}),
        "zstd grey16 big endian predictor": (grey16, None, {**zstd, **strips, **grey_, "predictor": True, "byteorder": ">"}),
        "zstd rgb16 tiles big endian predictor bigtiff": (
            rgb16, None, {**zstd, **tiles, **colour, "predictor": True, "byteorder": ">", "bigtiff": True},
        ),
        "zstd one strip": (rgb, None, {**zstd, **colour}),
        "zstd 34926": (rgb, None, {**zstd, **strips, **colour}),
        "zstd signed32 predictor": ((fractions * 1e3).astype(numpy.int32), [-9e5, 8e5], {**zstd, **strips, **grey_, "predictor": True}),
        "zstd float32 predictor 3": (fractions.astype(numpy.float32), wide_range, {**zstd, **strips, **grey_, "predictor": True}),
        "zstd float32 tiles big endian predictor 3": (
            fractions.astype(numpy.float32), wide_range, {**zstd, **tiles, **grey_, "predictor": True, "byteorder": ">"},
        ),
        "float64": (float64, [-9e5, 8e5], {**grey_}),
        "float64 big endian": (float64, [-9e5, 8e5], {**grey_, **strips, "byteorder": ">"}),
        "float64 lzw tiles predictor 3": (float64, [-9e5, 8e5], {"compression": "lzw", **grey_, **tiles, "predictor": True}),
        "float64 deflate big endian predictor 3": (
            float64, [-9e5, 8e5], {"compression": "zlib", **grey_, **strips, "predictor": True, "byteorder": ">"},
        ),
        "float64 zstd tiles predictor 3": (float64, [-9e5, 8e5], {**zstd, **grey_, **tiles, "predictor": True}),
        "float64 packbits": (float64, [-9e5, 8e5], {"compression": "packbits", **grey_, **strips}),
        "signed64": (signed64, [low, high], {**grey_, **strips}),
        "signed64 deflate tiles bigtiff": (signed64, [low, high], {"compression": "zlib", **grey_, **tiles, "bigtiff": True}),
        "unsigned64 big endian zstd": (unsigned64, top, {**zstd, **grey_, **strips, "byteorder": ">"}),
    }
    rows = []
    for name, (values, limits, options) in files.items():
        out = io.BytesIO()
        tifffile.imwrite(out, values, metadata=None, **options)
        data = bytearray(out.getvalue())
        if name.endswith("34926"):
            at = data.index(b"\x03\x01\x03\x00\x01\x00\x00\x00\x50\xc3")
            data[at + 8 : at + 10] = (34926).to_bytes(2, "little")
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            read = file.asarray() if not name.endswith("34926") else values
        if options.get("planarconfig"):
            read = read.transpose(1, 2, 0)
        pixels = numpy.ascontiguousarray(shown(read, limits))
        row = {"name": name, "bytes": base64.b64encode(data).decode(), "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()}
        if limits is not None:
            row["range"] = {"low": limits[0], "high": limits[1]}
        rows.append(row)
    made_by = {"tifffile": tifffile.__version__, "imagecodecs": imagecodecs.__version__, "numpy": numpy.__version__}
    with open(target, "w", encoding="utf8") as file:
        json.dump({"made_by": made_by, "width": W, "height": H, "rows": rows}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
