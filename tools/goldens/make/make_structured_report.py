"""Content tree of a TID 1500 report as highdicom builds it, for the same answers that packages/dicomweb writes.

    python make_structured_report.py OUT.json        (highdicom 0.28.2, pydicom 3.0.2)

The file holds what was asked ("input") and the tree ("content"), each item as a small object of its
keywords; UIDs of tracking are given, so that the tree can be compared byte for byte.
"""
import hashlib
import json
import sys

import highdicom as hd
from pydicom.sr.coding import Code
from pydicom.dataset import Dataset
from pydicom.uid import UID

SCHEME = "99BIOVLM"


def private(kind, text):
    return Code(kind + hashlib.sha256(text.encode()).hexdigest()[:12], SCHEME, text[:64])


INPUT = {
    "procedure": {"value": "363679005", "scheme": "SCT", "meaning": "Imaging procedure"},
    "device": {"uid": "2.25.7001", "name": "BioVLM", "manufacturer": "BioVLM", "model": "tiny", "serial": "0.1.0"},
    "algorithm": {"name": "BioVLM", "version": "0.1.0", "parameters": ["model=sha256:aa", "bank=sha256:bb"]},
    "answers": [
        {
            "sopClass": "1.2.840.10008.5.1.4.1.1.7",
            "sopInstance": "2.25.4242.33",
            "trackingId": "BioVLM answer 1",
            "trackingUid": "2.25.9001",
            "finding": {"value": "86049000", "scheme": "SCT", "meaning": "Malignant neoplasm, primary"},
            "classes": [
                {"name": "malignant", "probability": 0.75},
                {"name": "benign", "probability": 0.25},
            ],
        },
        {
            "sopClass": "1.2.840.10008.5.1.4.1.1.7",
            "sopInstance": "2.25.4242.6",
            "frame": 2,
            "trackingId": "BioVLM answer 2",
            "trackingUid": "2.25.9002",
            "classes": [
                {"name": "benign", "probability": 0.625},
                {"name": "malignant", "probability": 0.375},
            ],
        },
    ],
}


def report():
    algorithm = hd.sr.AlgorithmIdentification(
        name=INPUT["algorithm"]["name"],
        version=INPUT["algorithm"]["version"],
        parameters=INPUT["algorithm"]["parameters"],
    )
    d = INPUT["device"]
    context = hd.sr.ObservationContext(
        observer_device_context=hd.sr.ObserverContext(
            observer_type=Code("121007", "DCM", "Device"),
            observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
                uid=d["uid"], name=d["name"], manufacturer_name=d["manufacturer"], model_name=d["model"], serial_number=d["serial"]
            ),
        )
    )
    groups = []
    for a in INPUT["answers"]:
        top = a["classes"][0]["name"]
        f = a.get("finding")
        finding = Code(f["value"], f["scheme"], f["meaning"]) if f else private("C", top)
        unit = Code("1", "UCUM", "no units")
        measurements = [
            hd.sr.Measurement(name=private("P", c["name"])._replace(meaning=("Probability of " + c["name"])[:64]), value=c["probability"], unit=unit)
            for c in a["classes"]
        ]
        groups.append(
            hd.sr.MeasurementsAndQualitativeEvaluations(
                source_images=[hd.sr.SourceImageForMeasurementGroup(a["sopClass"], a["sopInstance"], referenced_frame_numbers=[a["frame"]] if "frame" in a else None)],
                tracking_identifier=hd.sr.TrackingIdentifier(uid=a["trackingUid"], identifier=a["trackingId"]),
                algorithm_id=algorithm,
                finding_type=finding,
                measurements=measurements,
            )
        )
    p = INPUT["procedure"]
    return hd.sr.MeasurementReport(
        observation_context=context,
        procedure_reported=Code(p["value"], p["scheme"], p["meaning"]),
        imaging_measurements=groups,
        title=Code("126000", "DCM", "Imaging Measurement Report"),
    )


def plain(value):
    if isinstance(value, Dataset):
        return {e.keyword: plain(e.value) if e.VR != "SQ" else [plain(i) for i in e.value] for e in value}
    if isinstance(value, (UID, str)):
        return str(value)
    if isinstance(value, (int,)):
        return int(value)
    if isinstance(value, float) or value.__class__.__name__ in ("DSfloat", "DSdecimal"):
        return float(value)
    if isinstance(value, (list, tuple)) or value.__class__.__name__ == "MultiValue":
        return [plain(v) for v in value]
    return str(value)


if __name__ == "__main__":
    with open(sys.argv[1], "w") as file:
        json.dump({"input": INPUT, "content": plain(report()[0])}, file, indent=1)
        file.write("\n")
