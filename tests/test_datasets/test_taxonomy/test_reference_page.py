"""docs/reference/taxonomy.md holds the tree as it is in the data."""

from unihema_mm.datasets.taxonomy import PAPER_TASKS, load_taxonomy, paper_labels


def expected_rows() -> list[str]:
    taxonomy = load_taxonomy()
    ids = {
        task: {
            name: [number for number, label in paper_labels(task).items() if taxonomy.resolve(label) == name]
            for name in taxonomy
        }
        for task in PAPER_TASKS
    }
    rows = []
    for name in taxonomy:
        cells = [
            name,
            taxonomy.parents[name] or '',
            ', '.join(taxonomy.synonyms[name]),
            *(', '.join(map(str, ids[task][name])) for task in PAPER_TASKS),
        ]
        rows.append(f'| {" | ".join(cells)} |')
    return rows


def test_table_and_version(repo):
    page = (repo / 'docs' / 'reference' / 'taxonomy.md').read_text(encoding='utf-8')
    lines = page.splitlines()
    start = lines.index('|---|---|---|---|---|') + 1
    assert lines[start : start + len(load_taxonomy())] == expected_rows()
    assert not lines[start + len(load_taxonomy())].startswith('|')
    assert page.startswith(f'# Taxonomy, version {load_taxonomy().version}\n')
