# Golden values of the training views' pixel operations, from torchvision's tensor ops and Pillow.
# Usage: /usr/bin/python3 make_augment.py ../data/augment   (Debian python3-torchvision)
import json, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../oracle"))
import numpy as np, torch, torchvision, PIL
from PIL import Image
import torchvision.transforms.functional as F
import st
rng = np.random.default_rng(5)
S = 16
base = torch.tensor(rng.random((3, S, S)), dtype=torch.float32)
base[:, :4, :4] = base[0, :4, :4]                  # grey pixels: no hue
base[:, 5, 5] = 0; base[:, 6, 6] = 1
normalised = (base - 0.45) / 0.27                  # outside [0,1], as the released recipe meets
res, meta = {'in.image': base, 'in.normalised': normalised}, []
OPS = dict(brightness=F.adjust_brightness, contrast=F.adjust_contrast, saturation=F.adjust_saturation, hue=F.adjust_hue)
for tag, x in (('image', base), ('normalised', normalised)):
    for k, (order, b, c, s, h) in enumerate([
        (['brightness'], 1.37, 1, 1, 0), (['contrast'], 1, .63, 1, 0), (['saturation'], 1, 1, 1.4, 0), (['hue'], 1, 1, 1, .1), (['hue'], 1, 1, 1, -.07),
        (['hue', 'saturation', 'brightness', 'contrast'], .8, 1.2, .7, .05), (['contrast', 'hue', 'saturation', 'brightness'], 1.3, .7, 1.35, -.1)]):
        y = x
        for o in order: y = OPS[o](y, dict(brightness=b, contrast=c, saturation=s, hue=h)[o])
        res[f'jitter.{tag}.{k}'] = y
        meta.append(dict(name=f'jitter.{tag}.{k}', input=f'in.{tag}', order=order, brightness=b, contrast=c, saturation=s, hue=h))
    res[f'flip.{tag}'] = F.hflip(x)
    for k, sigma in enumerate((.1, .5, 1.3, 2.)):
        res[f'blur.{tag}.{k}'] = F.gaussian_blur(x, [3, 3], [sigma, sigma]); meta.append(dict(name=f'blur.{tag}.{k}', input=f'in.{tag}', sigma=sigma))
# crop box, then PIL bicubic to S: the exact kernel on a box of the image
crops = []
for k, (w, h, box) in enumerate([(97, 61, (10, 5, 40, 33)), (97, 61, (0, 0, 97, 61)), (40, 50, (3, 7, 9, 11)), (300, 200, (100, 20, 150, 160)), (28, 28, (0, 3, 28, 25))]):
    a = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
    l, t, bw, bh = box
    y = F.resized_crop(Image.fromarray(a), t, l, bh, bw, [S, S], F.InterpolationMode.BICUBIC)
    res[f'crop.in.{k}'] = torch.tensor(a); res[f'crop.out.{k}'] = torch.tensor(np.array(y))
    crops.append(dict(k=k, width=w, height=h, box=dict(left=l, top=t, width=bw, height=bh)))
st.save(sys.argv[1] + '.safetensors', res)
json.dump(dict(torchvision=torchvision.__version__, pillow=PIL.__version__, size=S, ops=meta, crops=crops), open(sys.argv[1] + '.json', 'w'), indent=1)
