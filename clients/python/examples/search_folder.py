"""Search a folder of your own texts by meaning.

    python search_folder.py ~/notes "how do I prune an apple tree" --config configs/quickstart.toml
    python search_folder.py ~/notes "how do I prune an apple tree" --url http://127.0.0.1:8080

Every paragraph of its .txt and .md files becomes a vector on the cluster: by ZeroMQ where a config is
given, over HTTP where a URL is. The question goes as urgent. Needs numpy, and for --config pyzmq.
"""

import argparse
import pathlib

import numpy

import troupe


def paragraphs(folder):
    for path in sorted(pathlib.Path(folder).expanduser().rglob("*")):
        if path.suffix in (".txt", ".md"):
            for text in path.read_text(encoding="utf-8", errors="replace").split("\n\n"):
                if text.strip():
                    # A node takes texts of up to 64 KiB.
                    yield path.relative_to(pathlib.Path(folder).expanduser()), text.strip()[:16000]


def over_http(url, key, model, texts, question):
    with troupe.HttpClient(url, key=key, retries=3) as client:
        return client.encode(texts, model), client.encode(question, model, lane="urgent")


def over_zmq(config, model, texts, question):
    with troupe.connect(config) as client:
        works = (troupe.Encode(text) for text in texts)
        rows = [outcome.unwrap().vector for outcome in client.map(works, model=model)]
        return numpy.stack(rows), client.encode(question, model=model, lane="urgent").vector


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder")
    options.add_argument("question")
    options.add_argument("--config", help="the cluster's file")
    options.add_argument("--url", help="of a node that serves HTTP")
    options.add_argument("--key", help="an API key, where --url asks for one")
    options.add_argument("--model", default="minilm")
    options.add_argument("--best", type=int, default=5)
    given = options.parse_args()
    if bool(given.config) == bool(given.url):
        options.error("give --config or --url")
    found = list(paragraphs(given.folder))
    if not found:
        raise SystemExit(f"there is no text in {given.folder}")
    texts = [text for _, text in found]
    try:
        if given.url:
            rows, question = over_http(given.url, given.key, given.model, texts, given.question)
        else:
            rows, question = over_zmq(given.config, given.model, texts, given.question)
    except troupe.TroupeError as error:
        raise SystemExit(str(error))
    scores = rows @ question  # vectors have the length 1, so this is the cosine
    print(f"{len(texts)} paragraphs")
    for i in numpy.argsort(-scores, kind="stable")[: given.best]:
        path, text = found[i]
        print(f"{scores[i]:.2f} {path}: {' '.join(text.split())[:90]}")


if __name__ == "__main__":
    main()
