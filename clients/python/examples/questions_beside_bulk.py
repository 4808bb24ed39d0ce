"""Many urgent questions beside a bulk job, from one asyncio program.

    python questions_beside_bulk.py configs/quickstart.toml

The bulk job goes through the ordinary lane and is batched; each question goes through the urgent lane
and is worth nothing after its time limit. Prints how long questions took, and how fast the job was.
"""

import argparse
import asyncio
import time

import troupe


async def bulk(client, model, texts):
    begin = time.monotonic()
    works = (troupe.Encode(f"document number {i}, which is about nothing in particular") for i in range(texts))
    done = 0
    async for _, outcome in client.as_completed(works, model=model, lane="ordinary", pending_max=256):
        outcome.unwrap()
        done += 1
    return done, time.monotonic() - begin


async def ask(client, model, number, time_limit):
    """How long the answer took, or None where it did not come in time."""
    begin = time.monotonic()
    try:
        await client.encode(f"question number {number}?", model=model, lane="urgent", time_limit=time_limit)
    except (troupe.Expired, troupe.Infeasible):
        return None
    return time.monotonic() - begin


async def questions(client, model, count, gap, time_limit):
    asking = []
    for number in range(count):
        asking.append(asyncio.create_task(ask(client, model, number, time_limit)))
        await asyncio.sleep(gap)
    return await asyncio.gather(*asking)


async def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("config", help="the cluster's file")
    options.add_argument("--model", default="minilm")
    options.add_argument("--texts", type=int, default=2000)
    options.add_argument("--questions", type=int, default=100)
    options.add_argument("--gap", type=float, default=0.02, help="seconds between two questions")
    options.add_argument("--time-limit", type=float, default=0.05, help="of a question, in seconds")
    given = options.parse_args()
    async with troupe.AsyncClient(given.config) as client:
        await client.wait_connected()
        (done, took), answers = await asyncio.gather(
            bulk(client, given.model, given.texts),
            questions(client, given.model, given.questions, given.gap, given.time_limit),
        )
    in_time = sorted(1000 * seconds for seconds in answers if seconds is not None)
    print(f"{done} texts in {took:.1f} s: {done / took:.0f} a second")
    print(f"{len(in_time)} of {given.questions} questions in time")
    if in_time:
        print(f"half of them within {in_time[len(in_time) // 2]:.1f} ms, the slowest {in_time[-1]:.1f} ms")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except troupe.TroupeError as error:
        raise SystemExit(str(error))
