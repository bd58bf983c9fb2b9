import gc

import pytest

from unihema_mm.utils.collector import paused_collector


def test_runs_again_behind_the_block_also_after_an_error():
    with paused_collector():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match='wrong'), paused_collector():
        raise ValueError('wrong')
    assert gc.isenabled()


def test_stays_paused_where_it_was():
    gc.disable()
    try:
        with paused_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
