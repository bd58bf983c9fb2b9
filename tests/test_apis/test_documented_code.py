"""The code in the documentation runs as it stands, on other files."""

import json
import re
import runpy
import sys

import pytest

PLACES = ("'work_dirs/all_tasks'", "'data/synthetic_tasks/images/fields'")


@pytest.mark.parametrize('page', ['docs/how_to/predict.md'])
def test_python_of_a_page(page, repo, work_folder, image_folder, capsys):
    blocks = re.findall(r'```python\n(.*?)```', (repo / page).read_text(encoding='utf-8'), re.DOTALL)
    assert all(place in blocks[0] for place in PLACES)
    names: dict = {}
    for block in blocks:
        for place, path in zip(PLACES, (work_folder, image_folder), strict=True):
            block = block.replace(place, repr(str(path)))
        # Random weights are sure of nothing.
        block = block.replace("?')", "?', score_threshold=0.0)")
        exec(compile(block, page, 'exec'), names)
    out = capsys.readouterr().out
    assert re.findall(r'^(\S+) [1-9]\d* cells', out, re.MULTILINE) == ['a.png', 'b/a.png', 'c.PNG']
    assert len(names['masks']) == len(names['sample'].pred_instances) == len(names['result'].cells) > 0


def test_benchmark(repo, work_folder, image_folder, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'memory.json'
    (image_folder / 'bad.png').write_bytes(b'')
    given = [work_folder, image_folder, '--number', 9, '--every', 4, '--tasks', 'det', '--out', out]
    monkeypatch.setattr(sys, 'argv', ['benchmark_inference.py', *map(str, given)])
    runpy.run_path(str(repo / 'tools/analysis_tools/benchmark_inference.py'), run_name='__main__')
    result = json.loads(out.read_text())
    assert [reading['images'] for reading in result['resident']] == [4, 8, 9]
    assert (result['images'], result['files'], result['failed']) == (9, 4, 2)
    assert '9 images, 2 of them failed' in capsys.readouterr().out
