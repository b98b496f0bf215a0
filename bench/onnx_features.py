"""Features of an ONNX network through doppelray beside onnxruntime's on the same images.

    cargo build --release
    python3 -m venv .venv && .venv/bin/pip install numpy onnx onnxruntime pillow && .venv/bin/python bench/onnx_features.py target/release/doppelray

Makes two small collections of phantoms and a network of random weights with what feature extractors are made of (convolutions, batch
normalisation, residuals, pooling), describes the images by onnxruntime, and lets one evaluation measure both spaces: all figures must
agree to 1e-3.
"""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIDE, MEAN, DEVIATION = 64, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def network(path):
    draws = numpy.random.default_rng(0)
    weights, nodes = [], []

    def weight(name, *shape, scale=1.0):
        weights.append(numpy_helper.from_array((scale * draws.standard_normal(shape)).astype(numpy.float32), name))
        return name

    def conv(x, y, inputs, outputs, kernel, stride):
        w = weight(f"{y}.w", outputs, inputs, kernel, kernel, scale=(2 / (inputs * kernel**2)) ** 0.5)
        nodes.append(helper.make_node("Conv", [x, w], [f"{y}.c"], kernel_shape=[kernel] * 2, strides=[stride] * 2, dilations=[1, 1], pads=[kernel // 2] * 4))
        norm = [weight(f"{y}.{n}", outputs, scale=0.1) for n in ("gain", "bias", "mean")]
        weights.append(numpy_helper.from_array(numpy.full(outputs, 0.9, numpy.float32), f"{y}.var"))
        nodes.append(helper.make_node("BatchNormalization", [f"{y}.c", *norm, f"{y}.var"], [y]))

    conv("image", "a", 3, 16, 7, 2)
    nodes.append(helper.make_node("Relu", ["a"], ["b"]))
    nodes.append(helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4))
    conv("c", "d", 16, 16, 3, 1)
    nodes.append(helper.make_node("Add", ["c", "d"], ["e"]))
    nodes.append(helper.make_node("Sigmoid", ["e"], ["f"]))
    nodes.append(helper.make_node("Mul", ["e", "f"], ["g"]))
    conv("g", "h", 16, 24, 3, 2)
    nodes.append(helper.make_node("GlobalAveragePool", ["h"], ["i"]))
    nodes.append(helper.make_node("Flatten", ["i"], ["features"]))
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "net", [value("image", ["n", 3, SIDE, SIDE])], [value("features", ["n", 24])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def features(session, collection):
    rows = csv.DictReader(open(collection / "manifest.csv"))
    grey = [numpy.asarray(Image.open(collection / row["file"]), numpy.float32) / 255 for row in rows]
    shown = [numpy.stack([(g - m) / d for m, d in zip(MEAN, DEVIATION)])[None].astype(numpy.float32) for g in grey]
    return numpy.concatenate([session.run(None, {"image": image})[0] for image in shown])


def main():
    run = lambda *words: subprocess.run([sys.argv[1], *map(str, words), "--quiet"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        network(folder / "net.onnx")
        (folder / "net.toml").write_text(f"mean = {MEAN}\ndeviation = {DEVIATION}\n")
        session = onnxruntime.InferenceSession(folder / "net.onnx")
        for name, seed in (("real", 0), ("fakes", 1)):
            run("phantom", "--out", folder / name, "--count", 200, "--size", SIDE, "--bits", 8, "--seed", seed)
            numpy.save(folder / f"{name}.npy", features(session, folder / name))
        given = f"given={folder / 'real.npy'},{folder / 'fakes.npy'}"
        run("evaluate", folder / "real", folder / "fakes", "--out", folder / "proof", "--real-split", "train",
            "--features", folder / "net.onnx", "--features", given)
        spaces = json.loads((folder / "proof/evaluate.json").read_text())["spaces"]
        worst = 0
        for measure, theirs in spaces["given"]["overall"].items():
            if isinstance(theirs, dict) and "value" in theirs:
                ours, theirs = spaces["net"]["overall"][measure]["value"], theirs["value"]
                worst = max(worst, abs(ours - theirs) / max(abs(theirs), 1e-6))
                print(f"{measure:18} onnxruntime {theirs:.6g}, doppelray {ours:.6g}")
        print(f"largest relative difference {worst:.1e}")
        assert worst < 1e-3


if __name__ == "__main__":
    main()
