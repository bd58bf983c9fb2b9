"""Schema of morphological attributes."""

import pytest
import torch
from mmengine.config import ConfigDict

from unihema_mm.structures.attributes import AttributeSchema
from unihema_mm.utils.errors import InputError

INLINE = {'size': ['small', 'big'], 'colour': ['pink', 'red', 'nil'], 'vacuole': ['no', 'yes']}


@pytest.fixture
def schema():
    return AttributeSchema(INLINE, 'mine')


def test_layout_is_attribute_major(schema):
    assert len(schema) == 3
    assert schema.names == ('size', 'colour', 'vacuole')
    assert schema.slices == (slice(0, 2), slice(2, 5), slice(5, 7))
    assert schema.num_logits == 7


@pytest.mark.parametrize(('name', 'size', 'num_logits'), [('leukemia_attri', 6, 12), ('wbcatt', 11, 31)])
def test_shipped(name, size, num_logits):
    schema = AttributeSchema.build(name)
    assert (len(schema), schema.num_logits) == (size, num_logits)
    labels = torch.tensor([len(values) - 1 for values in schema.attributes.values()])
    named = schema.decode(labels)
    assert named == {attribute: values[-1] for attribute, values in schema.attributes.items()}
    assert torch.equal(schema.encode(named), labels)


def test_encode(schema):
    labels = schema.encode({'vacuole': 'yes', 'size': 'small'})
    assert labels.dtype == torch.int64
    assert labels.tolist() == [0, -1, 1]
    assert schema.encode({}).tolist() == [-1, -1, -1]


def test_encode_list(schema):
    assert schema.encode([{'colour': 'nil'}, {}]).tolist() == [[-1, 2, -1], [-1, -1, -1]]
    empty = schema.encode([])
    assert empty.shape == (0, 3) and empty.dtype == torch.int64


def test_decode_labels(schema):
    assert schema.decode(torch.tensor([1, -1, 0])) == {'size': 'big', 'vacuole': 'no'}
    assert schema.decode(torch.tensor([[-1, 2, -1], [-1, -1, -1]])) == [{'colour': 'nil'}, {}]
    assert schema.decode(torch.zeros(0, 3, dtype=torch.long)) == []


def test_decode_logits(schema):
    logits = torch.tensor([0.1, -3.0, -5.0, -1.0, -2.0, 9.0, 8.0])
    assert schema.best(logits).tolist() == [0, 1, 0]
    assert schema.decode(logits) == {'size': 'small', 'colour': 'red', 'vacuole': 'no'}
    assert schema.decode(logits[None].half()) == [schema.decode(logits)]


def test_split(schema):
    logits = torch.arange(14.0).view(1, 2, 7)
    parts = schema.split(logits)
    assert [part.shape for part in parts] == [(1, 2, 2), (1, 2, 3), (1, 2, 2)]
    assert torch.equal(torch.cat(parts, -1), logits)


@pytest.mark.parametrize('what', [torch.zeros(6), torch.zeros(2, 8), torch.zeros(7, dtype=torch.long)])
def test_wrong_width(schema, what):
    with pytest.raises(ValueError, match=r'mine: l.* must have . on the last axis'):
        schema.decode(what)


@pytest.mark.parametrize('label', [-2, 3])
def test_label_out_of_range(schema, label):
    with pytest.raises(ValueError, match=rf'mine: colour: label {label} is not in \[-1, 3\)'):
        schema.decode(torch.tensor([0, label, 0]))


def test_unknown_attribute(schema):
    with pytest.raises(InputError) as error:
        schema.encode({'color': 'red'}, where='train.json: annotation 7')
    assert str(error.value) == (
        "train.json: annotation 7: attribute 'color' is not in the schema (nearest: colour, vacuole); "
        'correct the name, or add it to the schema'
    )


@pytest.mark.parametrize('value', ['Red', None, 1, ['red']])
def test_unknown_value(schema, value):
    with pytest.raises(InputError, match=r'^mine: colour: .* is not a value of it \((nearest|known): .*red'):
        schema.encode({'colour': value})


def test_build_inline_and_config():
    assert AttributeSchema.build(INLINE).names == tuple(INLINE)
    assert AttributeSchema.build(ConfigDict(INLINE)).attributes == AttributeSchema(INLINE).attributes


def test_build_from_several_sets():
    schema = AttributeSchema.build(['leukemia_attri', 'wbcatt', {'smudge': ['no', 'yes']}])
    assert (len(schema), schema.num_logits) == (18, 45)
    labels = schema.encode({'cell_size': 'big'})
    assert labels[6] == 1 and (labels >= 0).sum() == 1
    assert (
        AttributeSchema.build(['wbcatt', 'wbcatt']).attributes == AttributeSchema.build('wbcatt').attributes
    )


def test_build_refuses_a_conflict():
    with pytest.raises(
        InputError, match=r"attributes: cell_size: has the values \['tiny', 'huge'\], but \['small', 'big'\]"
    ):
        AttributeSchema.build(['wbcatt', {'cell_size': ['tiny', 'huge']}])


@pytest.mark.parametrize('source', [None, [], {}, 3, [None]])
def test_build_refuses_nonsense(source):
    with pytest.raises(InputError, match='write attribute name'):
        AttributeSchema.build(source)
