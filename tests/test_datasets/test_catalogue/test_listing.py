from unihema_mm.datasets.catalogue import describe_entry, list_entries, read_entry

TEXT = """
name: toy
title: Toy
tasks: [det, seg]
prompt: Malaria
disease: malaria
classes: {NGS: segmented neutrophil, ring: ring}
converter: %s
parameters: {}
licence: CC0
citation: >-
  A long
  citation
expected:
  exact: false
  images: {train: 3, test: 2}
  objects: {ring: 4, segmented neutrophil: 1}
  source: its page
"""


def entry(converter='voc', *change):
    text = TEXT % converter
    return read_entry(text.replace(*change) if change else text, 'toy.yaml')


def test_table_says_what_is_there(tmp_path):
    (tmp_path / 'toy').mkdir()
    lines = list_entries([entry(), entry('none')], tmp_path)
    assert [line.split() for line in lines] == [
        ['name', 'tasks', 'disease', 'images', 'converter', 'have', 'licence'],
        ['toy', 'det,seg', 'malaria', '5', 'voc', 'no', 'CC0'],
        ['toy', 'det,seg', 'malaria', '5', 'none', 'no', 'CC0'],
    ]
    assert len({line.index('CC0') for line in lines[1:]}) == 1
    (tmp_path / 'toy' / 'annotations').mkdir()
    (tmp_path / 'toy' / 'annotations' / 'test.json').write_text('{}')
    assert list_entries([entry()], tmp_path)[1].split()[5] == 'yes'


def test_table_of_nothing(tmp_path):
    assert len(list_entries([], tmp_path / 'nowhere')) == 1


def test_unknown_counts(tmp_path):
    unknown = entry('none', TEXT[TEXT.index('expected') :], '')
    assert list_entries([unknown], tmp_path)[1].split()[3] == 'unknown'
    assert 'images         unknown' in describe_entry(unknown)


def test_description():
    lines = dict(line.split('  ', 1) for line in describe_entry(entry()))
    lines = {name: text.strip() for name, text in lines.items()}
    assert lines['images'] == '5 (train 3, test 2), 5 objects; its page'
    assert lines['classes'] == 'NGS -> segmented neutrophil, ring'
    assert lines['citation'] == 'A long citation' and lines['stain'] == 'unknown'
    assert lines['in the paper'] == 'not listed'
    assert lines['convert'] == 'python tools/prepare_data.py convert toy --src FOLDER --out data/toy'


def test_description_of_a_set_without_converter_or_classes():
    classes = '{NGS: segmented neutrophil, ring: ring}'
    lines = describe_entry(entry('none', classes, 'unknown'))
    assert any(line.startswith('classes ') and line.endswith(' unknown') for line in lines)
    assert lines[-1].endswith('no converter is written for this set yet')


def test_sets_of_masks_have_no_classes():
    masks = entry('none', 'classes: {NGS: segmented neutrophil, ring: ring}', 'classes: {}\ntasks: [seg]')
    assert any(line.startswith('classes ') and line.endswith(' none') for line in describe_entry(masks))
