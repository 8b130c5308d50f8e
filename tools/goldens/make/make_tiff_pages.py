"""Small TIFFs of three pages (8-bit grey; RGB with LZW; 16-bit grey), and the pixels that tifffile reads of each page.

    python make_tiff_pages.py ../data/tiff-pages.json

Needs numpy, tifffile, imagecodecs. Each row: the file's bytes (base64), and of each page its size and the sha256 of its RGB8 pixels [height,width,3]:
8 bits as they are, 16 bits in `range` as make_tiff.py does it; grey is repeated. Files with previews have a reduced copy
before their pages.
"""

import base64
import hashlib
import io
import json
import sys

import imagecodecs
import numpy
import tifffile

from make_tiff import grey, grey16, rgb, shown

RANGE = [1000, 50000]
SIZES = [(23, 37), (20, 31), (11, 16)]


def main(target):
    rows = []
    for order in "<>":
        for big in (False, True):
            for preview in (False, True):
                out = io.BytesIO()
                with tifffile.TiffWriter(out, byteorder=order, bigtiff=big) as file:
                    cut = [values[:h, :w] for values, (h, w) in zip((grey, rgb, grey16), SIZES)]
                    plain = {"metadata": None, "contiguous": False}
                    if preview:
                        file.write(grey[:5, :7], photometric="minisblack", subfiletype=1, **plain)
                    file.write(cut[0], photometric="minisblack", **plain)
                    file.write(cut[1], photometric="rgb", compression="lzw", predictor=True, **plain)
                    file.write(cut[2], photometric="minisblack", **plain)
                data = out.getvalue()
                pages = []
                with tifffile.TiffFile(io.BytesIO(data)) as file:
                    for page in file.pages:
                        if page.subfiletype & 5:
                            continue
                        read = page.asarray()
                        pixels = shown(read, RANGE if read.dtype == numpy.uint16 else None)
                        height, width = read.shape[:2]
                        pages.append({"width": width, "height": height, "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()})
                name = f"{'big' if order == '>' else 'little'} endian {'BigTIFF' if big else 'TIFF'}{' with previews' if preview else ''}"
                rows.append({"name": name, "bytes": base64.b64encode(data).decode(), "pages": pages})
    made_by = {"tifffile": tifffile.__version__, "imagecodecs": imagecodecs.__version__, "numpy": numpy.__version__}
    with open(target, "w") as file:
        json.dump({"made_by": made_by, "range": {"low": RANGE[0], "high": RANGE[1]}, "rows": rows}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
