# Draws of CPython's random module, for the splits that must match it. Usage: python3 make_python_random.py ../data/python_random.json
import json, random, sys
out=[]
for seed in (0,1,2,3,12345,2**31,2**40+7):
    r=random.Random(seed)
    out.append(dict(seed=seed, random=[r.random() for _ in range(3)], below=[r.randrange(n) for n in (1,2,7,100,65536)], small=r.sample(range(20),5), mid=r.sample(range(90),16), large=r.sample(range(5000),16), shuffle=(lambda x:(r.shuffle(x),x)[1])(list(range(12)))))
json.dump(out,open(sys.argv[1],'w'))
