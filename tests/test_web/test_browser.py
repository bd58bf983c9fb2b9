"""The page in a browser: upload, detection, questions, layers, downloads, broken files.

Screenshots are stored below pytest's temporary folder, or in the folder UNIHEMA_SCREENSHOTS.
"""

import csv
import io
import json
import os
import shutil
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch.nn.init import constant_

from unihema_mm.apis import UniHemaInferencer
from unihema_mm.structures.results import RESEARCH_USE
from unihema_mm.web import PageOptions

playwright_api = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
pytest.importorskip('gradio')
expect = playwright_api.expect

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
]
PATIENCE = 120_000  # ms; a busy machine is slow
STREAM = '/queue/data'


@pytest.fixture(scope='module')
def shots(tmp_path_factory) -> Path:
    folder = Path(os.environ.get('UNIHEMA_SCREENSHOTS') or tmp_path_factory.mktemp('screenshots'))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope='module')
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(
            f'no browser: none of {", ".join(BROWSERS)} is installed (Debian: apt-get install chromium)'
        )
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, headless=True, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser, page):
    """An open page that records its requests, its errors, and the streams of answers that are open."""
    context = browser.new_context(viewport={'width': 1440, 'height': 1100}, accept_downloads=True)
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    tab.address, tab.requests, tab.errors, tab.streams = page, [], [], set()
    context.on('request', lambda request: tab.requests.append(request.url))
    context.on('request', lambda request: tab.streams.add(request) if STREAM in request.url else None)
    for end in ('requestfinished', 'requestfailed'):
        context.on(end, lambda request: tab.streams.discard(request))
    tab.on('pageerror', lambda error: tab.errors.append(str(error)))
    tab.on('console', lambda line: tab.errors.append(line.text) if 'Content Security' in line.text else None)
    tab.goto(page)
    expect(tab.locator('#run')).to_be_visible()
    yield tab
    elsewhere = [url for url in tab.requests if not url.startswith((page, 'data:', 'blob:'))]
    assert not elsewhere and not tab.errors
    context.close()


@pytest.fixture
def tab(browser, page):
    """An open page with the stand-in of a model."""
    with opened(browser, page) as tab:
        yield tab


@pytest.fixture
def real_model(work_folder):
    """A model of random weights that takes much for cells."""
    inferencer = UniHemaInferencer(work_folder, device='cpu')
    for branch in inferencer.loaded.model.bbox_head.cls_branches:
        constant_(branch.bias, 1.0)
    return inferencer


@pytest.fixture
def real_picture(request, tmp_path) -> Path:
    """A picture of BCCD, a drawn one where the sample is absent."""
    try:
        folder = request.getfixturevalue('sample')('bccd')
    except pytest.skip.Exception:
        path = tmp_path / 'drawn.jpg'
        cv2.imwrite(str(path), np.full((480, 640, 3), 220, np.uint8))
        return path
    return min(folder.rglob('*.jpg'))


def run_files(tab, paths) -> None:
    tab.locator('#upload input[type=file]').set_input_files([str(path) for path in paths])
    expect(tab.locator('#upload .file')).to_have_count(len(paths))
    settle(tab)
    tab.locator('#run').click()
    expect(tab.locator('#progress')).to_contain_text(f'{len(paths)} of {len(paths)} done')
    settle(tab)


def settle(tab) -> None:
    """Wait for the end of the answers: gradio loses an event that is sent while it closes their stream."""
    end = time.monotonic() + PATIENCE / 1000
    while tab.streams and time.monotonic() < end:
        tab.wait_for_timeout(20)
    assert not tab.streams


def shown_picture(tab) -> str:
    return tab.locator('#picture img').get_attribute('src')


def toggle(tab, layer: str) -> None:
    settle(tab)
    tab.locator('#layers').get_by_label(layer).click()


def ask(tab, question: str) -> None:
    settle(tab)
    tab.locator('#question textarea').fill(question)
    tab.locator('#ask').click()


def download(tab, folder: Path) -> list[Path]:
    """Let all files be written and save them."""
    settle(tab)
    tab.get_by_role('tab', name='Downloads').click()
    tab.locator('#write').click()
    expect(tab.locator('#ready a').first).to_be_visible()
    saved = []
    for link in tab.locator('#ready a[download]').all():
        with tab.expect_download() as started:
            link.click()
        saved.append(folder / started.value.suggested_filename)
        started.value.save_as(saved[-1])
    return saved


def contents(paths) -> dict[str, bytes]:
    found = {}
    for path in paths:
        if path.suffix == '.zip':
            with zipfile.ZipFile(path) as archive:
                found |= {name: archive.read(name) for name in archive.namelist()}
        else:
            found[path.name] = path.read_bytes()
    return found


def test_from_picture_to_files(tab, real_picture, shots, tmp_path):
    expect(tab.get_by_text(RESEARCH_USE).first).to_be_visible()
    tab.screenshot(path=shots / '1_start.png')

    run_files(tab, [real_picture])
    expect(tab.locator('#legend')).to_contain_text('cells of score 0.30')
    expect(tab.locator('#picture img')).to_be_visible()
    tab.screenshot(path=shots / '2_detected.png', full_page=True)

    for layer in ('Boxes', 'Outlines', 'Names', 'Attributes'):
        before = shown_picture(tab)
        toggle(tab, layer)
        expect(tab.locator('#picture img')).not_to_have_attribute('src', before)
        if layer != 'Attributes':
            toggle(tab, layer)
            expect(tab.locator('#picture img')).to_have_attribute('src', before)
    expect(tab.locator('#attributes')).to_contain_text('segmented-bilobed')

    settle(tab)
    tab.locator('#score input[type=number]').fill('0.6')
    tab.locator('#score input[type=number]').press('Enter')
    expect(tab.locator('#legend')).to_contain_text('4 cells of score 0.60')

    settle(tab)
    box = tab.locator('#picture img').bounding_box()
    tab.mouse.click(box['x'] + 0.17 * box['width'], box['y'] + 0.19 * box['height'])
    expect(tab.locator('#cell')).to_contain_text('WBC')
    expect(tab.locator('#cell')).to_contain_text('granularity')
    expect(tab.locator('#cell img')).to_be_visible()

    for question in ('How many cells are there?', 'Which <b>cells</b> are there?'):
        ask(tab, question)
        expect(tab.locator('#chat')).to_contain_text(f'answer to: {question}')
    expect(tab.locator('#chat')).to_contain_text('answer to: How many cells are there?')
    tab.screenshot(path=shots / '3_questions.png', full_page=True)

    saved = download(tab, tmp_path)
    tab.screenshot(path=shots / '4_downloads.png', full_page=True)
    name = real_picture.name
    assert {path.name for path in saved} == {
        *(f'{name}.{suffix}' for suffix in ('json', 'geojson', 'png')),
        *('cells.csv', 'images.csv', 'coco.zip', 'yolo.zip', 'labels.zip', 'report.zip'),
    }
    found = contents(saved)
    document = json.loads(found[f'{name}.json'])
    assert len(document['cells']) == 4 and len(document['answers']) == 2
    assert document['use'] == RESEARCH_USE
    lines = [line for line in found['cells.csv'].decode('utf-8-sig').splitlines() if not line.startswith('#')]
    assert len(list(csv.DictReader(io.StringIO('\n'.join(lines))))) == 4


def test_a_real_model(browser, real_model, real_picture, shots, tmp_path, conftest):
    result = next(iter(real_model([str(real_picture)], tasks=('det',), progress=False)))
    with conftest.running(PageOptions(), real_model) as page, opened(browser, page) as tab:
        run_files(tab, [real_picture])
        expect(tab.locator('#legend')).to_contain_text(f'{result.cells[0].label}: ')
        toggle(tab, 'Names')
        toggle(tab, 'Attributes')
        expect(tab.locator('#attributes')).to_contain_text('cell shape')

        settle(tab)
        x1, y1, x2, y2 = result.cells[0].bbox
        box = tab.locator('#picture img').bounding_box()
        x, y = (x1 + x2) / 2 / result.width, (y1 + y2) / 2 / result.height
        tab.mouse.click(box['x'] + x * box['width'], box['y'] + y * box['height'])
        expect(tab.locator('#cell')).to_contain_text('score of the outline')

        for number, question in enumerate(('How many cells are there?', 'Is malaria seen?'), start=1):
            ask(tab, question)
            expect(tab.locator('#chat')).to_contain_text(question)
            expect(tab.locator('#chat .message.bot')).to_have_count(number)
        settle(tab)
        tab.screenshot(path=shots / '7_real_model.png', full_page=True)

        found = contents(download(tab, tmp_path))
        document = json.loads(found[f'{real_picture.name}.json'])
        assert document['cells'] and len(document['answers']) == 2
        assert any(name.endswith('.html') for name in found)


def test_a_sample_is_run(tab, shots):
    tab.locator('#samples button').first.click()
    expect(tab.locator('#upload .file')).to_have_count(1)
    settle(tab)
    tab.locator('#run').click()
    expect(tab.locator('#progress')).to_contain_text('1 of 1 done')
    expect(tab.locator('#picture img')).to_be_visible()


def test_broken_files_and_many_files(tab, shots, tmp_path, conftest):
    text, bomb, empty = tmp_path / 'text.png', tmp_path / 'bomb.png', tmp_path / 'empty.png'
    text.write_text('hello')
    conftest.write_bomb(bomb)
    empty.touch()
    run_files(tab, [text, bomb, empty])
    for reason in ('not a picture', 'megapixels', 'is empty'):
        expect(tab.locator('#progress')).to_contain_text(reason)
    expect(tab.locator('#progress')).to_contain_text('3 of them failed')
    tab.screenshot(path=shots / '5_broken.png')

    many = []
    for number in range(10):
        many.append(tmp_path / f'field_{number}.png')
        cv2.imwrite(str(many[-1]), conftest.smear(200 + number, 150))
    tab.locator('#upload button[aria-label="Clear"]').click()
    run_files(tab, many)
    expect(tab.locator('#progress tr.done')).to_have_count(10)
    tab.screenshot(path=shots / '6_many.png', full_page=True)
    tab.locator('#name input').click()
    tab.get_by_role('option', name='field_3.png').click()
    expect(tab.locator('#picture img')).to_be_visible()
