#!/usr/bin/env python3
"""Tiny volumes and what nibabel and pynrrd read from them. usage: make_volumes.py OUT.json   (numpy, nibabel 5.4, pynrrd 1.1)

One row a file: its bytes (base64) and, for each plane, its slices' size and the first 16 digits of sha256 of all slices' RGB8: from the lowest
value to the highest, and in a window. Values and orientation are nibabel's; the pictures follow the rules of docs/dicom.md, in numpy.
"""
import base64, gzip, hashlib, io, json, os, struct, sys, tempfile
import nibabel as nib
import nrrd
import numpy as np

rng = np.random.default_rng(5)
SIZE = (4, 3, 2)
TYPES = ["uint8", "int16", "int32", "float32", "float64", "int8", "uint16", "uint32", "int64", "uint64"]
WINDOW = (20.0, 61.0)

def turned(perm, signs, zooms, tilt=0.0):
    m = np.zeros((3, 3))
    for axis, (to, sign) in enumerate(zip(perm, signs)):
        m[to, axis] = sign * zooms[axis]
    c, s = np.cos(tilt), np.sin(tilt)
    whole = np.eye(4)
    whole[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ m
    whole[:3, 3] = [5, -7, 11]
    return whole

# as most scanners write, stored by sagittal slices, and tilted
WAYS = [turned((0, 1, 2), (-1, 1, 1), (1, 1, 2)), turned((1, 2, 0), (-1, -1, 1), (1, 1.5, 1)), turned((0, 1, 2), (1, -1, -1), (2, 2, 2), 0.4)]

def values(dtype):
    kind = np.dtype(dtype).kind
    if kind == "f":
        return (rng.normal(20, 40, SIZE)).astype(dtype)
    low, high = (0, 120) if kind == "u" or dtype == "int8" else (-300, 700)
    return rng.integers(low, high, SIZE).astype(dtype)

def shown(x, lo, hi):
    with np.errstate(invalid="ignore", divide="ignore"):
        y = ((x - lo) / (hi - lo)) * 255 if hi > lo else np.zeros_like(x)
    y = np.where(x <= lo, 0, np.where(x > hi, 255, y))
    y = np.where(np.isnan(x), 0, y)
    return np.floor(np.clip(y, 0, 255) + 1e-9).astype(np.uint8)

def planes(ras):
    """ras [R,A,S] → pictures [slice,row,column]: rows from the head or the front down, columns from the patient's right to the left."""
    yield "axial", ras[::-1, ::-1, :].transpose(2, 1, 0)
    yield "coronal", ras[::-1, ::-1, ::-1].transpose(1, 2, 0)
    yield "sagittal", ras[:, ::-1, ::-1].transpose(0, 2, 1)

def digest(pictures):
    return hashlib.sha256(np.repeat(pictures[..., None], 3, axis=-1).tobytes()).hexdigest()[:16]

def row(name, data, ras):
    finite = ras[np.isfinite(ras)]
    lo, hi = finite.min(), finite.max()
    c, w = WINDOW
    out = {}
    for plane, pictures in planes(ras):
        out[plane] = {"size": list(pictures.shape), "minMax": digest(shown(pictures, lo, hi)),
                      "window": digest(shown(pictures, c - 0.5 - (w - 1) / 2, c - 0.5 + (w - 1) / 2))}
    return {"name": name, "bytes": base64.b64encode(data).decode(), "planes": out}

def canonical(data, affine):
    ornt = nib.orientations.io_orientation(affine)
    return nib.orientations.apply_orientation(data, ornt)

def read_back(data, ending):
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "x" + ending)
        open(path, "wb").write(data)
        if ending == ".nrrd":
            return nrrd.read(path)
        image = nib.load(path)
        got = image.get_fdata(dtype=np.float64)
        return got.reshape(got.shape[:3] + (-1,))[..., 0] if got.ndim > 3 else got, image.affine

def nifti(name, a, affine, big=False, packed=False, version=1, code="s", scaling=None, edit=None):
    klass = nib.Nifti1Header if version == 1 else nib.Nifti2Header
    header = klass(endianness=">" if big else "<")
    header.set_data_dtype(a.dtype.newbyteorder(">" if big else "<"))
    header.set_data_shape(a.shape)
    header.set_zooms(tuple(np.linalg.norm(affine[:3, :3], axis=0)) + (1,) * (a.ndim - 3))
    if code == "s":
        header.set_sform(affine, 1)
    elif code == "q":
        header.set_qform(affine, 1)
    if scaling:
        header.set_slope_inter(*scaling)
    header["vox_offset"] = 352 if version == 1 else 544
    header["descrip"] = b"NOBODY^NAMED"
    if edit:
        edit(header)
    data = header.binaryblock + b"\0\0\0\0" + a.astype(header.get_data_dtype()).tobytes(order="F")
    if packed:
        data = gzip.compress(data, mtime=0)
    ras, read = read_back(data, ".nii.gz" if packed else ".nii")
    return row(name, data, canonical(ras, read))

SPACES = {"left-posterior-superior": (-1, -1, 1), "right-anterior-superior": (1, 1, 1), "LAS": (-1, 1, 1)}

def nrrd_file(name, a, affine, space, encoding, endian):
    signs = np.array(SPACES[space])
    steps = (affine[:3, :3] * signs[:, None]).T
    header = {"space": space, "space directions": steps, "space origin": affine[:3, 3] * signs, "encoding": encoding, "endian": endian}
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "x.nrrd")
        nrrd.write(path, a.astype(a.dtype.newbyteorder(">" if endian == "big" else "<")), header)
        data = open(path, "rb").read()
    # the writer notes when it wrote; what is kept here should not change
    lines = [line for line in data.split(b"\n\n", 1)[0].split(b"\n") if not line.startswith(b"#")]
    data = b"\n".join(lines) + b"\n\n" + data.split(b"\n\n", 1)[1]
    if encoding == "gzip":
        start = data.index(b"\n\n") + 2
        data = data[:start] + gzip.compress(gzip.decompress(data[start:]), mtime=0)
    read, fields = read_back(data, ".nrrd")
    back = np.eye(4)
    back[:3, :3] = np.array(fields["space directions"]).T * np.array(SPACES[fields["space"]])[:, None]
    return row(name, data, canonical(read.astype(np.float64), back))

rows = []
for t in TYPES:
    for big in (False, True):
        for way, affine in enumerate(WAYS):
            scaling = (0.5, -3.25) if way == 1 else None
            rows.append(nifti(f"nifti {t} {'big' if big else 'little'} {way}", values(t), affine, big, packed=way == 2, code="sqs"[way], scaling=scaling))
rows.append(nifti("nifti-2 little", values("int16"), WAYS[1], version=2, scaling=(2, 1)))
rows.append(nifti("nifti-2 big gzip quaternion", values("float32"), WAYS[2], big=True, version=2, packed=True, code="q"))
rows.append(nifti("nifti without orientation", values("int16"), WAYS[1], code=""))
four = np.stack([values("int16"), values("int16")], axis=-1)
rows.append(nifti("nifti of two volumes, gzip", four, WAYS[0], packed=True))
holes = values("float32"); holes[0, 0, 0] = np.nan; holes[1, 1, 1] = np.inf; holes[2, 2, 1] = -np.inf
rows.append(nifti("nifti with holes", holes, WAYS[0]))
rows.append(nifti("nifti of one value", np.full(SIZE, 7, "int16"), WAYS[0]))
for n, t in enumerate(TYPES):
    for endian in ("little", "big"):
        space = list(SPACES)[n % 3]
        rows.append(nrrd_file(f"nrrd {t} {endian} {space}", values(t), WAYS[n % 3], space, "gzip" if endian == "big" else "raw", endian))
made = {"made_by": f"make_volumes.py, numpy {np.__version__}, nibabel {nib.__version__}, pynrrd 1.1.3", "window": WINDOW}
with open(sys.argv[1], "w") as out:
    out.write(json.dumps(made)[:-1] + ', "rows": [\n' + ",\n".join(json.dumps(r) for r in rows) + "\n]}\n")
print(len(rows), "files", os.path.getsize(sys.argv[1]), "bytes")
