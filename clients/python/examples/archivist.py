"""An agent in Python: each archivist keeps notes and finds the nearest to a question.

    python archivist.py configs/quickstart.toml                         # hosts archivists, until Ctrl-C
    python archivist.py configs/quickstart.toml keep paris "a text"     # meanwhile, elsewhere
    python archivist.py configs/quickstart.toml ask paris "a question"

`archivist/paris` is made by its first message. Its vectors are in its memory on the node where that
address lives, and outlive this process; the texts are in its object, and do not.
"""

import argparse
import asyncio
import json

import troupe

MODEL = "minilm"


class Archivist(troupe.Agent):
    def __init__(self):
        self.texts = {}

    async def on_start(self):
        # Vectors of a life before this one would be found without their texts.
        await self.context.forget()

    async def on_message(self, mail):
        text = json.loads(mail.body)["text"]
        if mail.topic == "keep":
            embedding = await self.context.encode(text, model=MODEL, lane="ordinary")
            document = len(self.texts)
            await self.context.remember(document, embedding.vector)
            self.texts[document] = text
            await self.context.reply(mail, "kept", json.dumps({"notes": len(self.texts)}))
        elif mail.topic == "ask":
            question = await self.context.encode(text, model=MODEL, lane="urgent", time_limit=5.0)
            found = await self.context.recall(self.context.id, question.vector, k=3)
            hits = [{"score": hit.score, "text": self.texts[hit.document]} for hit in found.hits]
            await self.context.reply(mail, "found", json.dumps({"hits": hits}))
        else:
            raise ValueError(f"an archivist does not {mail.topic}")


async def host(config):
    async with troupe.AgentHost(config, {"archivist": Archivist}) as agents:
        await agents.wait_attached()
        print("hosting archivists", flush=True)
        await agents.wait_ended()


def write(config, topic, key, text):
    with troupe.connect(config) as client:
        client.send(f"archivist/{key}", topic, json.dumps({"text": text}))
        letter = client.receive(timeout=30)
    if letter is None:
        raise SystemExit("no answer came")
    if letter.topic == "error":
        raise SystemExit(letter.body.decode())
    return json.loads(letter.body)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("config", help="the cluster's file")
    options.add_argument("topic", nargs="?", choices=["keep", "ask"])
    options.add_argument("key", nargs="?", help="which archivist")
    options.add_argument("text", nargs="?")
    given = options.parse_args()
    if given.topic is None:
        asyncio.run(host(given.config))
    elif given.text is None:
        options.error(f"{given.topic} whom, and what?")
    elif given.topic == "keep":
        print(f"{write(given.config, 'keep', given.key, given.text)['notes']} notes")
    else:
        for hit in write(given.config, "ask", given.key, given.text)["hits"]:
            print(f"{hit['score']:.2f} {hit['text']}")


if __name__ == "__main__":
    try:
        main()
    except troupe.TroupeError as error:
        raise SystemExit(str(error))
    except KeyboardInterrupt:
        pass
