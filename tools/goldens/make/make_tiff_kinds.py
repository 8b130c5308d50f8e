"""Small TIFFs of the kinds that libtiff reads, for the reader that is not libtiff, and their pixels as Pillow (CCITT) and tifffile read them.

    python make_tiff_kinds.py ../data/tiff-kinds.json

Needs numpy, tifffile, imagecodecs, Pillow. Each row: the file's bytes (base64), the range of its values, if any, its size, and the sha256 of its RGB8
pixels [height,width,3], made as make_tiff.py makes them; CMYK by Pillow's formula, palettes by the upper 8 bits of their colours (or their 8 bits,
where none has more), alpha that colours were multiplied by is divided out in single precision and cut.
"""

import base64
import hashlib
import io
import json
import sys

import imagecodecs
import numpy
import PIL
import tifffile
from PIL import Image

from make_tiff import alpha, fractions, grey, grey16, rgb, rgb16, shown, signed64

STRIPS, TILES = {"rowsperstrip": 5}, {"tile": (16, 16)}
GREY, INVERTED, COLOUR = {"photometric": "minisblack"}, {"photometric": "miniswhite"}, {"photometric": "rgb"}
RANGE = [-900, 800]


def planes(values):
    return numpy.ascontiguousarray(values.transpose(2, 0, 1))


def divided(values):
    most = numpy.iinfo(values.dtype).max
    seen = values[..., -1:].astype(numpy.float32)
    factor = numpy.where(seen == 0, 0, numpy.float32(most) / numpy.maximum(seen, 1)).astype(numpy.float32)
    return numpy.minimum(most, numpy.floor(factor * values[..., :-1])).astype(values.dtype)


def ink(values):
    return numpy.asarray(Image.fromarray(values[..., :4], "CMYK").convert("RGB"))


def tiff_rows():
    words = numpy.stack([numpy.arange(256) * 257, numpy.arange(255, -1, -1) * 257, numpy.arange(256) * 37 % 256 * 256]).astype(numpy.uint16)
    looked_up = lambda colours: lambda values: colours.T[values]
    rgba, rgba16 = numpy.dstack([rgb, alpha]), numpy.dstack([rgb16, grey16])
    files = {}
    for how in (None, "lzw", "deflate", "packbits"):
        for order in "<>":
            for part, layout in {"strips": STRIPS, "tiles": TILES}.items():
                for predictor in (False, True) if how in ("lzw", "deflate") else (False,):
                    options = {"compression": how, "byteorder": order, **layout, **({"predictor": True} if predictor else {})}
                    name = f"{how or 'plain'} {part} {'big' if order == '>' else 'little'}{' predictor' if predictor else ''}"
                    files[f"rgb16 {name}"] = (rgb16, {**options, **COLOUR}, None, None)
                    files[f"float32 {name}"] = (fractions.astype(numpy.float32), {**options, **GREY}, None, RANGE)
    lzw = {"compression": "lzw", **STRIPS}
    files |= {
        "grey inverted": (grey, {**INVERTED, **lzw}, lambda values: 255 - values, None),
        "grey16 inverted": (grey16, {**INVERTED, **lzw}, lambda values: 65535 - values, None),
        "grey16 with alpha": (numpy.dstack([grey16, grey16[::-1]]), {**GREY, **lzw, "extrasamples": ["unassalpha"], "planarconfig": "contig"}, lambda values: values[..., 0], None),
        "rgba": (rgba, {**COLOUR, **lzw, "extrasamples": ["unassalpha"]}, None, None),
        "rgba multiplied": (rgba, {**COLOUR, **lzw, "extrasamples": ["assocalpha"]}, divided, None),
        "rgba16 multiplied": (rgba16, {**COLOUR, **lzw, "extrasamples": ["assocalpha"]}, divided, None),
        "grey multiplied": (numpy.dstack([grey, alpha]), {**GREY, **lzw, "extrasamples": ["assocalpha"], "planarconfig": "contig"}, lambda values: divided(values)[..., 0], None),
        "rgb planes": (planes(rgb), {**COLOUR, **lzw, "planarconfig": "separate"}, lambda values: values.transpose(1, 2, 0), None),
        "rgba16 planes": (planes(rgba16), {**COLOUR, **lzw, "planarconfig": "separate", "extrasamples": ["unassalpha"]}, lambda values: values.transpose(1, 2, 0), None),
        "cmyk with alpha": (numpy.dstack([rgba, grey]), {"photometric": "separated", **lzw, "extrasamples": ["unassalpha"]}, ink, None),
        "palette of words": (grey, {"photometric": "palette", "colormap": words, **lzw}, looked_up((words >> 8).astype(numpy.uint8)), None),
        "palette of bytes": (grey, {"photometric": "palette", "colormap": words >> 8, **lzw}, looked_up((words >> 8).astype(numpy.uint8)), None),
        "int8 packbits": ((signed64 >> 40).astype(numpy.int8), {**GREY, **STRIPS, "compression": "packbits"}, None, [-100, 100]),
        "int16 lzw predictor big": ((signed64 >> 40).astype(numpy.int16), {**GREY, **lzw, "predictor": True, "byteorder": ">"}, None, RANGE),
        "float64 deflate predictor": (fractions, {**GREY, **TILES, "compression": "deflate", "predictor": True}, None, RANGE),
    }
    for name, (values, options, change, limits) in files.items():
        out = io.BytesIO()
        tifffile.imwrite(out, values, metadata=None, **options)
        read = tifffile.imread(io.BytesIO(out.getvalue()))
        yield name, out.getvalue(), shown(read if change is None else change(read), limits), limits


def fax_rows():
    """Rows of short runs, long ones, none, and noise; wider than the longest code."""
    height, width = 18, 2999
    y, x = numpy.mgrid[0:height, 0:width]
    bits = (x % 700 < y * 40).astype(numpy.uint8)
    bits[:, ::97] ^= 1
    bits[8], bits[9], bits[10:12, 100:2800] = 0, 1, 1
    bits[-1] = numpy.random.default_rng(5).integers(0, 2, width)
    image = Image.fromarray(bits * 255).convert("1")
    kinds = {"runs": ("tiff_ccitt", {}), "group 3": ("group3", {}), "group 3 in two dimensions": ("group3", {292: 1}), "group 3 aligned": ("group3", {292: 5}), "group 4": ("group4", {})}
    for name, (compression, info) in kinds.items():
        for also, more in {"": {}, ", strips": {278: 7}, ", lowest bit first": {266: 2}, ", black is high": {262: 1}}.items():
            out = io.BytesIO()
            image.save(out, "TIFF", compression=compression, tiffinfo={**info, **more})
            pixels = numpy.asarray(Image.open(io.BytesIO(out.getvalue())).convert("RGB"))
            yield f"CCITT {name}{also}", out.getvalue(), pixels, None


def main(target):
    rows = []
    for name, data, pixels, limits in [*tiff_rows(), *fax_rows()]:
        height, width = pixels.shape[:2]
        assert pixels.shape == (height, width, 3) and pixels.dtype == numpy.uint8, name
        row = {"name": name, "bytes": base64.b64encode(data).decode(), "width": width, "height": height}
        row["sha256"] = hashlib.sha256(numpy.ascontiguousarray(pixels).tobytes()).hexdigest()
        rows.append({**row, **({} if limits is None else {"range": {"low": limits[0], "high": limits[1]}})})
    made_by = {"tifffile": tifffile.__version__, "imagecodecs": imagecodecs.__version__, "numpy": numpy.__version__, "pillow": PIL.__version__}
    with open(target, "w") as file:
        json.dump({"made_by": made_by, "rows": rows}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
