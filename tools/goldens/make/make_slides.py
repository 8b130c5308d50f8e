"""Small slides and the pixels that tifffile and imagecodecs read from them.

    python make_slides.py ../data/slides.json

Needs numpy, tifffile, imagecodecs, pydicom, and opj_compress (OpenJPEG's tool) for colours of fewer pixels. Each row: the file's bytes (base64), its levels (width, height, µm a pixel) and, for each level, the sha256 of
its RGB8 pixels [height,width,3] as tifffile reads them; tiles that are not stored are white, grey is repeated, and YCbCr of JPEG 2000 (33003)
is converted with the matrix of JFIF, rounded half up. Of lossy JPEG 2000 the pixels themselves (zlib, base64) stand there, too.
A row of "dicom" is a slide of several files, a level each; its pixels are imagecodecs' of every tile, put together.
"""

import base64
import hashlib
import io
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import imagecodecs
import numpy
import pydicom
import pydicom.encaps
import tifffile

TILE = 48
LOSSY = "jpeg 2000, lossy"
MICRON = "\N{MICRO SIGN}m"


def picture(width, height, seed):
    """Pink and violet waves on white, with a little noise: every tile another."""
    rng = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    waves = [200 + 40 * numpy.sin(x / 20), 120 + 80 * numpy.cos(y / 15), 180 + 50 * numpy.sin((x + y) / 25)]
    image = numpy.stack(waves, -1) + rng.integers(-2, 3, (height, width, 1))
    return image.clip(0, 255).astype(numpy.uint8)


def halved(image):
    """Every second pixel: levels need not be good, only known."""
    return numpy.ascontiguousarray(image[::2, ::2])


def tiles_of(image, fill=255):
    height, width = image.shape[:2]
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            tile = numpy.full((TILE, TILE) + image.shape[2:], fill, numpy.uint8)
            part = image[top : top + TILE, left : left + TILE]
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile


def segments(stream):
    """Markers of a JPEG up to its scan: (marker, bytes), and what follows."""
    at, out = 2, []
    while stream[at + 1] != 0xDA:
        length = struct.unpack(">H", stream[at + 2 : at + 4])[0]
        out.append((stream[at + 1], stream[at : at + 2 + length]))
        at += 2 + length
    return out, stream[at:]


def abbreviated(image, level):
    """JPEG tiles without their tables, and the tables."""
    streams, tables = [], b""
    for tile in tiles_of(image):
        parts, rest = segments(imagecodecs.jpeg8_encode(tile, level=level, subsampling="420", optimize=False))
        shared = [body for marker, body in parts if marker in (0xDB, 0xC4)]
        tables = b"\xff\xd8" + b"".join(shared) + b"\xff\xd9"
        streams.append(b"\xff\xd8" + b"".join(body for marker, body in parts if marker not in (0xDB, 0xC4, 0xE0)) + rest)
    return streams, tables


def rgb(array):
    return numpy.repeat(array[..., None], 3, -1) if array.ndim == 2 else array[..., :3]


def to_ycbcr(image):
    r, g, b = (image[..., i].astype(numpy.float64) for i in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    planes = [y, (b - y) / 1.772 + 128, (r - y) / 1.402 + 128]
    return numpy.floor(numpy.stack(planes, -1) + 0.5).clip(0, 255).astype(numpy.uint8)


def from_ycbcr(image):
    y, cb, cr = (image[..., i].astype(numpy.float64) for i in range(3))
    cb, cr = cb - 128, cr - 128
    planes = [y + 1.402 * cr, y - (0.114 * 1.772 / 0.587) * cb - (0.299 * 1.402 / 0.587) * cr, y + 1.772 * cb]
    return numpy.floor(numpy.stack(planes, -1) + 0.5).clip(0, 255).astype(numpy.uint8)


def svs(base):
    """Aperio: levels by JPEG with common tables, a thumbnail and a label in strips between and behind them."""
    out = io.BytesIO()
    description = "Aperio Image Library v12.0\r\n136x104 [0,0 136x104] (48x48) JPEG/RGB Q=70|AppMag = 20|MPP = 0.4990|Left = 1"
    with tifffile.TiffWriter(out) as writer:
        for index, image in enumerate([base, halved(halved(base))]):
            streams, tables = abbreviated(image, 70)
            writer.write(
                iter(streams), shape=image.shape, dtype="uint8", tile=(TILE, TILE), photometric="ycbcr", subsampling=(2, 2),
                compression="jpeg", jpegtables=tables, description=description, metadata=None,
            )
            if index == 0:
                writer.write(base[::4, ::4], photometric="rgb", metadata=None, description="Aperio thumbnail")
        writer.write(base[:40, :90], photometric="rgb", metadata=None, subfiletype=1, description="Aperio label")
    return out.getvalue(), [0, 2], [0.499, 0.499 * 4]


def pyramid(base, microns, resolution, **options):
    """A generic pyramid: levels in the chain, marked as reduced."""
    out = io.BytesIO()
    big = options.pop("bigtiff", False)
    order = options.pop("byteorder", "<")
    pages = []
    with tifffile.TiffWriter(out, bigtiff=big, byteorder=order) as writer:
        image = base
        for index in range(2):
            data = image
            if image.ndim == 2 and options.get("compression") == "jpeg":
                # the writer hands grey tiles over with an axis that the encoder does not take
                data = iter([imagecodecs.jpeg8_encode(tile, level=80) for tile in tiles_of(image)])
            shape = {} if data is image else {"shape": image.shape, "dtype": "uint8"}
            writer.write(data, tile=(TILE, TILE), metadata=None, subfiletype=int(index > 0), **shape, **resolution, **options)
            pages.append(index)
            image = halved(image)
    return out.getvalue(), pages, [microns and microns * 2**index for index in pages]


def sparse(base):
    """Two of nine tiles stored."""
    kept = {0, 5}
    out = io.BytesIO()
    encoded = (imagecodecs.zlib_encode(tile) if i in kept else b"" for i, tile in enumerate(tiles_of(base)))
    with tifffile.TiffWriter(out, bigtiff=True) as writer:
        writer.write(
            encoded, shape=base.shape, dtype="uint8", tile=(TILE, TILE), photometric="rgb", compression="adobe_deflate", metadata=None,
            resolution=(20000, 20000), resolutionunit="CENTIMETER",
        )
    white = numpy.full_like(base, 255)
    for index in kept:
        top, left = index // 3 * TILE, index % 3 * TILE
        white[top : top + TILE, left : left + TILE] = base[top : top + TILE, left : left + TILE]
    return out.getvalue(), [white], [0.5]


def ome(base):
    out = io.BytesIO()
    with tifffile.TiffWriter(out, ome=True) as writer:
        options = {"tile": (TILE, TILE), "photometric": "rgb", "compression": "lzw"}
        metadata = {"axes": "YXS", "PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 250.0, "PhysicalSizeYUnit": "nm"}
        writer.write(base, subifds=1, metadata=metadata, **options)
        writer.write(halved(base), subfiletype=1, **options)
    return out.getvalue(), None, [0.25, 0.5]


def ycbcr_2000(base):
    out = io.BytesIO()
    encoded = (imagecodecs.jpeg2k_encode(to_ycbcr(tile), reversible=True, codecformat="j2k", mct=False) for tile in tiles_of(base))
    with tifffile.TiffWriter(out) as writer:
        writer.write(
            encoded, shape=base.shape, dtype="uint8", tile=(TILE, TILE), photometric="rgb", compression=33003, metadata=None,
            description="Aperio x|MPP = 0.2520",
        )
    with tifffile.TiffFile(io.BytesIO(out.getvalue())) as file:
        return out.getvalue(), [from_ycbcr(file.pages[0].asarray())], [0.252]


def subsampled_2000(base, across, down):
    """Aperio's YCbCr with colours of fewer pixels: a colour is repeated over the pixels that share it."""
    streams, read = [], numpy.empty_like(base)
    with tempfile.TemporaryDirectory() as folder:
        raw, coded = pathlib.Path(folder, "tile.raw"), pathlib.Path(folder, "tile.j2k")
        for index, tile in enumerate(tiles_of(base)):
            planes = to_ycbcr(tile)
            fewer = numpy.ascontiguousarray(planes[::down, ::across, 1:])
            raw.write_bytes(planes[..., 0].tobytes() + fewer[..., 0].tobytes() + fewer[..., 1].tobytes())
            size = f"{TILE},{TILE},3,8,u@1x1:{across}x{down}:{across}x{down}"
            subprocess.run(["opj_compress", "-i", raw, "-o", coded, "-F", size, "-n", "4"], check=True, capture_output=True)
            streams.append(coded.read_bytes())
            repeated = fewer.repeat(down, 0).repeat(across, 1)
            pixels = from_ycbcr(numpy.concatenate([planes[..., :1], repeated], -1))
            # OpenJPEG cuts where JFIF rounds
            assert numpy.abs(pixels.astype(int) - imagecodecs.jpeg2k_decode(streams[-1])).max() <= 2
            top, left = index // 3 * TILE, index % 3 * TILE
            part = read[top : top + TILE, left : left + TILE]
            part[:] = pixels[: part.shape[0], : part.shape[1]]
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(
            iter(streams), shape=base.shape, dtype="uint8", tile=(TILE, TILE), photometric="rgb", compression=33003, metadata=None,
            description="Aperio x|MPP = 0.2520",
        )
    return out.getvalue(), [read], [0.252]


EXPLICIT, BASELINE, JPEG2000 = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"


def dicom_level(image, microns, syntax, offsets, kind="VOLUME", organisation="TILED_FULL", order=None, part=None, empty=()):
    """One level as a file, and its pixels. offsets: none, basic, extended, or split: every frame in two fragments.

    order: the tiles that are stored, one by one, where they are placed (tiled sparse). part: the first tile and the number of them, of a file that
    is a part of a concatenation. empty: tiles whose frame has no byte.
    """
    colour = image.ndim == 3
    codecs = {
        EXPLICIT: (lambda tile: tile.tobytes(), None, "RGB"),
        BASELINE: (lambda tile: imagecodecs.jpeg8_encode(tile, level=80, subsampling="422"), imagecodecs.jpeg8_decode, "YBR_FULL_422"),
        JPEG2000: (
            lambda tile: imagecodecs.jpeg2k_encode(tile, reversible=True, codecformat="j2k"), imagecodecs.jpeg2k_decode, "YBR_RCT",
        ),
    }
    encode, decode, photometric = codecs[syntax]
    tiles = list(tiles_of(image))
    chosen = list(range(len(tiles))) if order is None else order
    if part is not None:
        chosen = chosen[part[0] : part[0] + part[1]]
    frames = [b"" if index in empty else encode(tiles[index]) for index in chosen]
    height, width = image.shape[:2]
    pixels = numpy.full_like(image, 255)
    across = -(-width // TILE)
    for index, frame in zip(chosen, frames, strict=True):
        top, left = index // across * TILE, index % across * TILE
        if index in empty:
            continue
        tile = tiles[index] if decode is None else decode(frame)
        pixels[top : top + TILE, left : left + TILE] = tile[: height - top, : width - left]
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = f"1.2.3.{width}.{height}"
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.PatientName = "NOBODY^AT ALL"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", kind, "NONE"]
    dataset.DimensionOrganizationType = organisation
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = photometric if colour else "MONOCHROME2"
    dataset.PlanarConfiguration = 0
    dataset.NumberOfFrames = len(frames)
    dataset.Rows = dataset.Columns = TILE
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.TotalPixelMatrixColumns, dataset.TotalPixelMatrixRows = width, height
    measures = pydicom.Dataset()
    measures.PixelSpacing = [microns / 1000, microns / 1000]
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence = [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    if organisation == "TILED_SPARSE":
        groups = []
        for index in chosen:
            place = pydicom.Dataset()
            place.ColumnPositionInTotalImagePixelMatrix = index % across * TILE + 1
            place.RowPositionInTotalImagePixelMatrix = index // across * TILE + 1
            group = pydicom.Dataset()
            group.PlanePositionSlideSequence = [place]
            groups.append(group)
        dataset.PerFrameFunctionalGroupsSequence = groups
    if part is not None:
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{width}.{height}.{part[0] + 1}"
        dataset.ConcatenationUID = f"1.2.5.{width}"
        dataset.ConcatenationFrameOffsetNumber = part[0]
        dataset.InConcatenationNumber = 1 + (part[0] > 0)
    if syntax == EXPLICIT:
        dataset.PixelData = b"".join(frames)
        dataset["PixelData"].VR = "OB"
    elif offsets == "extended":
        dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = pydicom.encaps.encapsulate_extended(frames)
    elif empty:
        # pydicom makes none of them
        padded = [frame + b"\0" * (len(frame) % 2) for frame in frames]
        dataset.PixelData = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame for frame in [b"", *padded])
    else:
        count = 2 if offsets == "split" else 1
        dataset.PixelData = pydicom.encaps.encapsulate(frames, fragments_per_frame=count, has_bot=offsets != "none")
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue(), pixels


def dicom_slides(base):
    grey = numpy.ascontiguousarray(base[..., 1])
    label = dicom_level(base[:40, :40], 1, EXPLICIT, "none", kind="LABEL")[0]
    files = {
        "jpeg, basic offsets": [(base, BASELINE, "basic"), (halved(base), BASELINE, "basic")],
        "jpeg, two fragments a frame": [(base, BASELINE, "split"), (halved(base), BASELINE, "split")],
        "jpeg 2000, extended offsets": [(base, JPEG2000, "extended"), (halved(base), JPEG2000, "none")],
        "uncompressed": [(base, EXPLICIT, "none"), (halved(base), EXPLICIT, "none")],
        "uncompressed grey": [(grey, EXPLICIT, "none"), (halved(grey), EXPLICIT, "none")],
    }
    rows = []
    for name, levels in files.items():
        made = [dicom_level(image, 0.25 * 2**i, syntax, offsets) for i, (image, syntax, offsets) in enumerate(levels)]
        told = [
            {"width": pixels.shape[1], "height": pixels.shape[0], "microns": 0.25 * 2**i,
             "sha256": hashlib.sha256(numpy.ascontiguousarray(rgb(pixels)).tobytes()).hexdigest()}
            for i, (_, pixels) in enumerate(made)
        ]
        data = [*(data for data, _ in made), *([label] if name.endswith("basic offsets") else [])]
        rows.append({"name": name, "files": [base64.b64encode(zlib.compress(data, 9)).decode() for data in data], "levels": told})
    half = halved(base)
    cut = [(0, 4), (4, 99)]
    made = {
        # backwards, and not all of them
        "tiled sparse": [dicom_level(base, 0.25, BASELINE, "basic", organisation="TILED_SPARSE", order=[7, 4, 2, 1, 0])],
        "tiled sparse in two files": [
            dicom_level(base, 0.25, JPEG2000, "none", organisation="TILED_SPARSE", order=[8, 3, 5, 0, 1, 7], part=part) for part in cut
        ],
        "full in two files": [dicom_level(base, 0.25, BASELINE, "extended", part=part) for part in cut],
        "frames without a byte": [dicom_level(half, 0.5, BASELINE, "basic", empty=(1,))],
    }
    for name, parts in made.items():
        # what one part has not is white in it
        pixels = numpy.minimum.reduce([read for _, read in parts])
        told = {"width": pixels.shape[1], "height": pixels.shape[0], "microns": 0.25 if pixels.shape == base.shape else 0.5,
                "sha256": hashlib.sha256(numpy.ascontiguousarray(rgb(pixels)).tobytes()).hexdigest()}
        rows.append({"name": name, "files": [base64.b64encode(zlib.compress(data, 9)).decode() for data, _ in parts], "levels": [told]})
    return rows


def main(target):
    base = picture(136, 104, 1)
    centimetres = {"resolution": (40000, 40000), "resolutionunit": "CENTIMETER"}
    inches = {"resolution": (50800, 50800), "resolutionunit": "INCH"}
    guess = {"resolution": (72, 72), "resolutionunit": "INCH"}
    colour = {"photometric": "rgb"}
    jpeg = {"compression": "jpeg", "compressionargs": {"level": 80}}
    files = {
        "svs": svs(base),
        "jpeg 4:2:0": pyramid(base, 0.25, centimetres, subsampling=(2, 2), **colour, **jpeg),
        "jpeg 4:2:2": pyramid(base, 0.5, inches, subsampling=(2, 1), **colour, **jpeg),
        "jpeg rgb": pyramid(base, 0.25, centimetres, **colour, compression="jpeg", compressionargs={"level": 80, "outcolorspace": "RGB"}),
        "jpeg grey": pyramid(base[..., 1].copy(), 0.25, centimetres, photometric="minisblack", compression="jpeg"),
        "deflate, predictor": pyramid(base, 0.25, centimetres, **colour, compression="adobe_deflate", predictor=True),
        "zstd, predictor": pyramid(base, 0.25, centimetres, **colour, compression="zstd", predictor=True),
        "zstd grey": pyramid(base[..., 2].copy(), 0.25, centimetres, photometric="minisblack", compression="zstd"),
        "lzw, big endian": pyramid(base, 0.25, centimetres, **colour, compression="lzw", predictor=True, byteorder=">"),
        "packbits": pyramid(base, 0.25, centimetres, **colour, compression="packbits"),
        "uncompressed grey, 72 dots an inch": pyramid(base[..., 0].copy(), None, guess, photometric="minisblack"),
        "rgba": pyramid(numpy.dstack([base, base[..., 0]]), 0.25, centimetres, **colour, extrasamples=["unassalpha"], compression="lzw"),
        "jpeg 2000, BigTIFF, big endian": pyramid(
            base, 0.25, centimetres, **colour, compression=33005, compressionargs={"reversible": True}, bigtiff=True, byteorder=">"
        ),
        LOSSY: pyramid(base, 0.25, centimetres, **colour, compression=33005, compressionargs={"level": 40}),
        "jpeg 2000 ycbcr": ycbcr_2000(base),
        "jpeg 2000 ycbcr 4:2:2": subsampled_2000(base, 2, 1),
        "jpeg 2000 ycbcr 4:2:0": subsampled_2000(base, 2, 2),
        "sparse": sparse(base),
        "ome": ome(base),
    }
    rows = []
    for name, (data, pages, microns) in files.items():
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            if pages is None:
                levels = [level.asarray() for level in file.series[0].levels]
            else:
                levels = [page if isinstance(page, numpy.ndarray) else file.pages[page].asarray() for page in pages]
        told = [
            {"width": level.shape[1], "height": level.shape[0], "microns": size,
             "sha256": hashlib.sha256(numpy.ascontiguousarray(rgb(level)).tobytes()).hexdigest()}
            for level, size in zip(levels, microns, strict=True)
        ]
        if name == LOSSY:
            # transformed back in floating point: decoders differ by one here and there
            for level, pixels in zip(told, levels, strict=True):
                level["pixels"] = base64.b64encode(zlib.compress(pixels.tobytes(), 9)).decode()
        rows.append({"name": name, "bytes": base64.b64encode(data).decode(), "levels": told})
    made_by = {"pydicom": pydicom.__version__, "tifffile": tifffile.__version__, "imagecodecs": imagecodecs.__version__, "numpy": numpy.__version__}
    with open(target, "w", encoding="utf8") as file:
        json.dump({"made_by": made_by, "rows": rows, "dicom": dicom_slides(base)}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
