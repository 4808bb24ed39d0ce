"""Encodes batches of token ids with ONNX Runtime, for `troupe bench encode peers`, which starts it.

usage: onnxruntime_peer.py MODEL_FOLDER

It reads the checkpoint's model.safetensors and config.json and builds the graph that ONNX Runtime's own
optimizer makes of a BERT: fused embedding, attention, skip layer normalisation and bias + GELU operators
(the domain com.microsoft), then mean pooling and normalisation. One thread.

Each line of input is {"texts": [[id, ...], ...]}; the answer is {"seconds": CPU time of one call that was
warmed up, "vectors": all of them in one list}. The first line of output is {"version": ...}, or {"error":
...} when a package is missing.
"""

import json
import pathlib
import struct
import sys
import time


def say(**told):
    print(json.dumps(told), flush=True)


try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper
except ImportError as missing:
    say(error=f"Python has no {missing.name}")
    sys.exit(0)


def read_weights(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    weights = {}
    for name, about in json.loads(data[8:8 + length]).items():
        if name == "__metadata__" or about["dtype"] != "F32":
            continue
        begin, end = about["data_offsets"]
        values = np.frombuffer(data[8 + length + begin:8 + length + end], np.float32)
        weights[name.removeprefix("bert.")] = values.reshape(about["shape"])
    return weights


class Graph:
    """Nodes and constants, added one behind the other."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def constant(self, values):
        self.count += 1
        name = f"c{self.count}"
        self.constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator, inputs, outputs=1, domain="", **attributes):
        self.count += 1
        names = [f"n{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names[0]


def build(weights, config):
    heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]
    graph = Graph()
    constant, add = graph.constant, graph.add

    def norm(name):
        return [constant(weights[f"{name}.LayerNorm.{part}"]) for part in ("weight", "bias")]

    tables = [constant(weights[f"embeddings.{kind}_embeddings.weight"])
              for kind in ("word", "position", "token_type")]
    hidden = add("EmbedLayerNormalization", ["ids", "types", *tables, *norm("embeddings"), "mask"], 2,
                 "com.microsoft", epsilon=epsilon)
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        parts = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1)
        bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
        context = add("Attention", [hidden, constant(weight), constant(bias), "mask"], 1, "com.microsoft",
                      num_heads=heads)

        def linear(name, x):
            return add("MatMul", [x, constant(weights[f"{layer}.{name}.weight"].T)])

        def join(name, x, skip):
            bias = constant(weights[f"{layer}.{name}.dense.bias"])
            return add("SkipLayerNormalization", [x, skip, *norm(f"{layer}.{name}"), bias], 1,
                       "com.microsoft", epsilon=epsilon)

        hidden = join("attention.output", linear("attention.output.dense", context), hidden)
        inner = add("BiasGelu", [linear("intermediate.dense", hidden),
                                 constant(weights[f"{layer}.intermediate.dense.bias"])], 1, "com.microsoft")
        hidden = join("output", linear("output.dense", inner), hidden)
    # The mean's length does not matter, so the sum will do.
    present = add("Unsqueeze", [add("Cast", ["mask"], to=TensorProto.FLOAT), constant(np.array([2]))])
    total = add("ReduceSum", [add("Mul", [hidden, present]), constant(np.array([1]))], keepdims=0)
    graph.nodes.append(helper.make_node("LpNormalization", [total], ["vectors"], axis=1, p=2))
    ids = [helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "tokens"])
           for name in ("ids", "types", "mask")]
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", config["hidden_size"]])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "encoder", ids, [vectors], graph.constants),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])
    model.ir_version = 8
    return model.SerializeToString()


def start(folder):
    config = json.loads((folder / "config.json").read_text())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(build(read_weights(folder / "model.safetensors"), config), options,
                                        providers=["CPUExecutionProvider"])


def encode(session, texts):
    longest = max(map(len, texts))
    ids = np.zeros((len(texts), longest), np.int32)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, :len(text)] = text
        mask[row, :len(text)] = 1
    inputs = {"ids": ids, "types": np.zeros_like(ids), "mask": mask}
    session.run(None, inputs)
    begin = time.thread_time()
    (vectors,) = session.run(None, inputs)
    return time.thread_time() - begin, vectors


def main():
    session = start(pathlib.Path(sys.argv[1]))
    say(version=f"ONNX Runtime {onnxruntime.__version__}")
    for line in sys.stdin:
        seconds, vectors = encode(session, json.loads(line)["texts"])
        say(seconds=seconds, vectors=[float(x) for x in vectors.ravel()])


if __name__ == "__main__":
    main()
