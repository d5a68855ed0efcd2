"""index-refresh, sequential: what changed is listed, summarised, embedded and checked, one agent after the other."""

from swarm_ui.sample.recording import ERROR, INFO, WARNING, Failed, Recording

COLLECTIONS = ("handbook", "product-docs", "support-answers", "meeting-notes", "contracts", "release-notes")


def play(run: Recording, number: int, trouble: str) -> None:
    collection = COLLECTIONS[number % len(COLLECTIONS)]
    changed = run.random.randrange(40, 420)
    skipped = run.random.randrange(0, 14)
    with run.run(
        "index-refresh", f"Refresh the index of {collection}: everything that changed since the last run."
    ) as whole:
        run.log(INFO, f"Refresh of {collection} started", trigger="schedule")
        with run.agent(
            "archivist", f"List what changed in {collection} and split it into passages."
        ) as archivist:
            run.use(
                "list_changes",
                {"collection": collection, "since": "last run"},
                {"changed": changed, "deleted": changed // 9},
                3.5,
            )
            for part in range(1, 1 + min(4, 1 + changed // 110)):
                run.use(
                    "split_documents",
                    {"collection": collection, "part": part, "max_tokens": 400},
                    {"passages": run.random.randrange(300, 900), "skipped": skipped if part == 1 else 0},
                    run.random.uniform(8, 26),
                )
            if skipped > 8:
                run.log(
                    WARNING,
                    f"{skipped} documents of {collection} skipped: no text could be read",
                    skipped=skipped,
                )
            archivist.answer = f"{changed} documents changed in {collection}, {skipped} skipped because no text could be read."
            run.think(archivist.answer)
        with run.agent(
            "summarizer", f"One line for each of the {changed} changed documents of {collection}."
        ) as summarizer:
            for batch in range(3):
                run.think(
                    f"Batch {batch + 1}: {changed // 3} lines, two documents contradict each other on the notice period."
                )
            run.tell(
                "summarizer", ["archivist"], "status_update", f"{changed} lines ready, embedding begins."
            )
            summarizer.answer = f"{changed} lines, 2 contradictions marked."
            run.think(summarizer.answer)
        with run.agent("retriever", f"Embed the passages of {collection} and store them.") as retriever:
            for _ in range(4):
                run.embed(40, run.random.uniform(6, 19))
            error = None
            if trouble == "disk-full":
                error = Failed(
                    "OSError", "[Errno 28] No space left on device: '/var/lib/vectors/segments/000418.seg'"
                )
                run.log(ERROR, "Vector store refused the segment", segment="000418", free_bytes=0)
            run.use(
                "store_vectors",
                {"collection": collection, "vectors": changed * 7},
                {"stored": changed * 7},
                run.random.uniform(9, 31),
                error,
            )
            run.retrieve(
                "self-test",
                f"{collection}: ten known questions",
                ["9 of 10 known questions find their document first."],
                4,
            )
            retriever.answer = f"{changed * 7:,} vectors stored, 9 of 10 known questions find their document."
            run.think(retriever.answer)
        run.log(INFO, f"Index of {collection} switched over", vectors=changed * 7)
        whole.answer = f"{collection}: {changed} documents refreshed, {skipped} skipped, 9 of 10 known questions find their document."
