"""What a plan chooses when several devices share a batch."""

import plan_facts
import pytest

import keras_seg as ks

pytestmark = pytest.mark.tensorflow_only


def planned(devices=None, **options):
    devices = {} if devices is None else {"devices": devices}
    return ks.training.make_plan({**plan_facts.FACTS, **devices}, **options)


def test_each_device_gets_the_batch_of_one():
    one, four = planned(), planned(4)
    assert four["batch_size"] == 4 * one["batch_size"]
    assert four["learning_rate"] == 2 * one["learning_rate"]
    assert "4 devices" in four.choices["batch_size"].rule
    assert "square root" in four.choices["learning_rate"].rule
    assert four.choices["batch_size"].inputs["devices"] == 4
    assert planned(1).choices == one.choices


def test_the_rate_of_a_given_batch_is_that_of_one_device():
    one = planned()
    same = planned(4, batch_size=one["batch_size"])
    assert same["learning_rate"] == one["learning_rate"]


def test_a_given_rate_is_kept():
    assert planned(4, learning_rate=0.0005)["learning_rate"] == 0.0005
