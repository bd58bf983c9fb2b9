"""What makes a COCO mask one that pycocotools can decode."""

from .boxes import is_number


def fault_of_segmentation(value: object, height: int, width: int) -> str | None:
    """Say what is wrong with a mask.

    pycocotools does not check: run lengths of another sum give random pixels, or never end where masks are
    joined, and a polygon far outside takes all memory.

    Args:
        value: ``segmentation`` of an object record: polygons, or RLE, compressed or not.
        height: Height of the image.
        width: Width of the image.

    Returns:
        The reason, ``None`` for a mask of this image.
    """
    if isinstance(value, dict):
        return _fault_of_rle(value, height, width)
    rings = isinstance(value, list) and value
    if not rings or not all(
        isinstance(ring, list) and len(ring) >= 6 and len(ring) % 2 == 0 and all(map(is_number, ring))
        for ring in value
    ):
        return 'is neither polygons nor RLE'
    for ring in value:
        for numbers, side in ((ring[::2], width), (ring[1::2], height)):
            if min(numbers) < -side or max(numbers) > 2 * side:
                return f'has a polygon far outside its image of {width}x{height} pixels'
    return None


def _fault_of_rle(value: dict, height: int, width: int) -> str | None:
    size, counts = value.get('size'), value.get('counts')
    if not isinstance(size, list | tuple) or len(size) != 2 or not isinstance(counts, str | bytes | list):
        return 'is neither polygons nor RLE'
    if list(size) != [height, width]:
        return f'is RLE of size {list(size)}, the image has {[height, width]}'
    runs = counts if isinstance(counts, list) else _run_lengths(counts)
    if runs is None or not all(type(run) is int and run >= 0 for run in runs) or sum(runs) != height * width:
        return f'is RLE whose run lengths do not fill the {height * width} pixels of its image'
    return None


def _run_lengths(counts: str | bytes) -> list[int] | None:
    """Read compressed run lengths; ``None`` for what is none.

    Letters hold 5 bits of a number each, the lowest first, and whether more follow; from the fourth number on
    it is the difference from the last but one.
    """
    codes = counts if isinstance(counts, bytes) else counts.encode('latin-1', errors='replace')
    runs: list[int] = []
    number = shift = 0
    for code in codes:
        code -= 48
        if not 0 <= code < 64:
            return None
        number |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            number -= 1 << shift
        runs.append(number + runs[-2] if len(runs) > 2 else number)
        number = shift = 0
    return None if shift else runs
