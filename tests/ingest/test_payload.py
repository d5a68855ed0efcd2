"""Wholes of spans, packed and opened again."""

import zstandard

from swarm_ui.ingest import payload
from swarm_ui.jsontext import dump_bytes


def documents(number: int, size: int) -> list[bytes]:
    return [
        dump_bytes({"attributes": {"input.value": f"{place} " + "please refund it " * (size // 17)}})
        for place in range(number)
    ]


def opened(whole: list[bytes]) -> list[str]:
    blocks = payload.Blocks(1)
    packed = [blocks.add(document) for document in whole]
    bodies = dict(blocks.rows())
    reader = payload.Reader(lambda wanted: {block: bodies[block] for block in wanted})
    return [document["attributes"]["input.value"].split()[0] for document in reader.open_all(packed)]


def test_small_and_large_blocks_are_opened():
    for number, size in ((1, 20), (3, 400), (40, 20_000)):
        assert opened(documents(number, size)) == [str(place) for place in range(number)]


def test_a_large_block_of_an_earlier_version_is_opened():
    """They were compressed with the dictionary, whatever their size."""
    whole = documents(40, 20_000)
    dictionary = zstandard.ZstdCompressionDict(
        payload._dictionary.as_bytes(), dict_type=zstandard.DICT_TYPE_RAWCONTENT
    )
    compressor = zstandard.ZstdCompressor(level=3, dict_data=dictionary, write_dict_id=False)
    body = b"\x01" + compressor.compress(b"\n".join(whole))
    reader = payload.Reader(lambda _wanted: {7: body})
    packed = [b"\x02" + (7).to_bytes(8, "big") + place.to_bytes(2, "big") for place in range(40)]
    texts = [document["attributes"]["input.value"] for document in reader.open_all(packed)]
    assert [text.split()[0] for text in texts] == [str(place) for place in range(40)]
