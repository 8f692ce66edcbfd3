"""Answers questions that others write into a list of the graph: pages with gun.js, or programs in any language.

    python graph.py [--host 127.0.0.1] [--port 8080] [--data-dir DIR] [--list questions] [--count N]

The node runs with `--graph-addr`. In a page, with its address: `Gun(['http://127.0.0.1:8765/gun']).get('questions').set({text: 'how long am I?'})`;
the answer appears beside the text. `--count`: ends after so many answers (0: never); without it the program asks itself, once.
"""

import argparse

from pangea_client import Client, Graph, Link

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--data-dir")
parser.add_argument("--list", default="questions")
parser.add_argument("--count", type=int)
options = parser.parse_args()


def ask(graph: Graph) -> None:
    soul = f"{options.list}/from python"
    graph.put(soul, {"text": "is anybody there?", "answer": None})
    graph.put(options.list, {"from python": Link(soul)})


def answer(graph: Graph, soul: str) -> bool:
    """Whether there was a question without an answer."""
    question = graph.get(soul)
    if question is None or question.get("answer") is not None or not isinstance(question.get("text"), str):
        return False
    text = str(question["text"])
    graph.put(soul, {"answer": f"{len(text.split())} words, {len(text)} letters"})
    print(f"{text} -> {graph.value(soul, 'answer')}", flush=True)
    return True


def serve(graph: Graph, count: int) -> None:
    answers = 0
    with graph.watch(options.list) as changes:
        for change in changes:
            for item in change.fields.values():
                if isinstance(item, Link) and answer(graph, item.soul):
                    answers += 1
                    if answers == count:
                        return


with Client.connect(options.host, options.port, data_dir=options.data_dir) as client:
    if options.count is None:
        ask(client.graph())
    serve(client.graph(), 1 if options.count is None else options.count)
