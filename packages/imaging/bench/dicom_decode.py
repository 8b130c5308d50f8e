# The peer of dicom-decode.mjs: for each line "COUNT PATH" of stdin, opens the file's bytes and decodes its first frame COUNT times with pydicom
# and its plugins; answers with the processor seconds that it took. Needs pydicom, numpy, pylibjpeg, pylibjpeg-libjpeg, pylibjpeg-openjpeg.
import io
import sys
import time

import numpy
import pydicom
from pydicom.pixels import pixel_array

print(f"pydicom {pydicom.__version__}, numpy {numpy.__version__}, Python {sys.version.split()[0]}", flush=True)
for line in sys.stdin:
    count, path = line.rstrip("\n").split(" ", 1)
    with open(path, "rb") as f:
        data = f.read()
    start = time.process_time()
    for _ in range(int(count)):
        values = pixel_array(pydicom.dcmread(io.BytesIO(data)), index=0, raw=True)
    print(time.process_time() - start, int(values.astype("int64").sum()), flush=True)
