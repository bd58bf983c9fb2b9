"""Links of the documentation lead somewhere, and its index has every page."""

import re
from pathlib import Path

import pytest

LINK = re.compile(r'\]\(([^)\s]+)\)')


def pages(repo: Path) -> list[Path]:
    return [repo / 'README.md', *sorted((repo / 'docs').rglob('*.md'))]


def links(page: Path) -> list[str]:
    """Links to files of the repository, those in code left out."""
    text = re.sub(r'```.*?```|`[^`\n]*`', '', page.read_text(encoding='utf-8'), flags=re.DOTALL)
    return [link for link in LINK.findall(text) if not re.match(r'[a-z]+:', link)]


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    text = re.sub(r'```.*?```', '', page.read_text(encoding='utf-8'), flags=re.DOTALL)
    titles = re.findall(r'^#+ (.+)$', text, flags=re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles}


def broken(page: Path) -> list[str]:
    found = []
    for link in links(page):
        path, _, anchor = link.partition('#')
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


def test_links_of_all_pages(repo):
    wrong = {str(page.relative_to(repo)): broken(page) for page in pages(repo)}
    assert not {page: found for page, found in wrong.items() if found}
    assert sum(len(links(page)) for page in pages(repo)) > 50


@pytest.mark.parametrize(
    ('text', 'found'),
    [
        ('[a](absent.md)', ['absent.md']),
        ('[a](page.md#absent)', ['page.md#absent']),
        ('[a](#two-words)', []),
        ('[a](https://x.org/absent) `[a](b)`', []),
    ],
)
def test_a_broken_link_is_found(text, found, tmp_path):
    page = tmp_path / 'page.md'
    page.write_text(f'# Two words\n\n{text}\n')
    assert broken(page) == found


def test_the_index_has_every_page(repo):
    index = repo / 'docs/README.md'
    listed = {(index.parent / link.partition('#')[0]).resolve() for link in links(index)}
    assert {page for page in (repo / 'docs').rglob('*.md') if page != index} <= listed


def test_every_page_on_predictions_says_what_it_is_for(repo):
    use = ('how_to/predict', 'how_to/command_line', 'how_to/web_page', 'how_to/look_at_results',
           'reference/prediction_files', 'explanation/reports')  # fmt: skip
    for page in (repo / 'README.md', *(repo / f'docs/{name}.md' for name in use)):
        assert 'research use only' in page.read_text(encoding='utf-8'), page.name
