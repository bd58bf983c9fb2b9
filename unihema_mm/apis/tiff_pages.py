"""Which page of a TIFF is the image."""

import tifffile

from unihema_mm.utils.errors import InputError

STARTS = (b'II*\x00', b'MM\x00*', b'II+\x00', b'MM\x00+')


def check_pages(tif: tifffile.TiffFile, name: str) -> tuple[str, ...]:
    """Check that the first page is the image, as it is with the smaller copies of a pyramid behind it.

    Args:
        tif: The open file.
        name: Name of the image, for messages.

    Returns:
        A warning where other pages are left out.

    Raises:
        InputError: The pages are planes of one image, such as a stack of focus levels, or another page is
            larger than the first one.
    """
    series = tif.series[0]
    if len(series.pages) > 1:
        raise InputError(f'{name}: image: has {len(series.pages)} planes ({series.axes}); give one RGB image')
    sizes = [(page.imagewidth, page.imagelength) for page in tif.pages]
    largest = max(range(len(sizes)), key=lambda number: sizes[number][0] * sizes[number][1])
    if sizes[largest] != sizes[0]:
        (width, height), (own_width, own_height) = sizes[largest], sizes[0]
        raise InputError(
            f'{name}: image: page {largest + 1} of {len(sizes)} has {width} x {height} pixels, but the first '
            f'one {own_width} x {own_height}; save the page that is meant as a file of its own'
        )
    return (f'page 1 of {len(sizes)} was read',) if len(sizes) > 1 else ()
