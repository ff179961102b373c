from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import Batch, InputError, shuffled
from jaxgan.data.readers.trajectories import (
    Scenes,
    crowds,
    displacements,
    from_displacements,
    pedestrians,
    trajectories,
)

# Who is seen in which of six frames, by hand. Windows of three frames, from 0 to 3:
STREET = {
    7: [0, 1, 2, 3, 4, 5],  # in all four
    3: [0, 1, 2, 3],  # leaves early: in 0 and 1
    5: [0, 1, 3, 4, 5],  # missing once: in 3 alone
    9: [4, 5],  # comes too late for any
}
PRESENT = [[3, 7], [3, 7], [7], [5, 7]]


def lines_of(seen, spacing=10):
    """Frame f is number 10·f; walker w is at (w + f / 100, -w) meters."""
    return [
        f"{spacing * frame}\t{who}\t{who + frame / 100}\t{-who}"
        for who, frames in seen.items()
        for frame in frames
    ]


@pytest.fixture
def street(tmp_path):
    """Writes recordings, each given by its name, and returns their folder."""

    def write(**recordings):
        for name, lines in recordings.items():
            (tmp_path / f"{name}.txt").write_text("\n".join(lines))
        return tmp_path

    return write


def people(scenes):
    """The walkers of each window, told from where they are, and its first frame."""
    who = np.rint(-scenes.positions[:, 0, 1]).astype(int)
    frame = np.rint(100 * (scenes.positions[:, 0, 0] - who)).astype(int)
    windows = range(scenes.window.max() + 1)
    for w in windows:
        assert len(set(frame[scenes.window == w])) == 1
    return [
        (frame[scenes.window == w][0].item(), who[scenes.window == w].tolist())
        for w in windows
    ]


def test_a_window_has_those_who_are_there_throughout(street):
    scenes = trajectories(street(one=lines_of(STREET)), 2, 1)
    # Frame 2 begins a window of one walker, which is dropped.
    assert people(scenes) == [(0, [3, 7]), (1, [3, 7]), (3, [5, 7])]
    assert scenes.window.tolist() == [0, 0, 1, 1, 2, 2] and scenes.observed == 2
    assert scenes.positions.shape == (6, 3, 2)
    assert scenes.positions.dtype == np.float32 and scenes.window.dtype == np.int64
    np.testing.assert_allclose(
        scenes.positions[4], [[5.03, -5], [5.04, -5], [5.05, -5]], rtol=1e-6
    )


def test_single_walkers_are_kept_where_one_is_enough(street):
    scenes = trajectories(street(one=lines_of(STREET)), 2, 1, at_least=1)
    assert people(scenes) == list(enumerate(PRESENT))


@pytest.mark.parametrize(
    ("stride", "starts"), [(1, [0, 1, 2, 3]), (2, [0, 2]), (3, [0, 3]), (4, [0])]
)
def test_windows_start_at_every_stride(street, stride, starts):
    folder = street(one=lines_of(STREET))
    scenes = trajectories(folder, 1, 2, at_least=1, stride=stride)
    assert people(scenes) == [(frame, PRESENT[frame]) for frame in starts]


def test_windows_do_not_join_files_and_files_are_in_order(street):
    # A file too short for a window gives none; together they would have eight frames.
    short = lines_of({1: [0, 1], 2: [0, 1]})
    whole = lines_of(STREET)
    one = trajectories(street(b=whole), 2, 1)
    alone = trajectories(street(a=short), 2, 1)
    np.testing.assert_array_equal(alone.positions, one.positions)
    both = trajectories(street(a=short, b=whole, c=lines_of({4: range(3)})), 2, 1, 1)
    assert people(both) == [*enumerate(PRESENT), (0, [4])]


def test_the_stride_counts_from_the_start_of_each_file(street):
    folder = street(a=lines_of({1: range(4)}), b=lines_of({2: range(5)}))
    scenes = trajectories(folder, 1, 1, at_least=1, stride=2)
    assert people(scenes) == [(0, [1]), (2, [1]), (0, [2]), (2, [2])]


def test_one_file_can_be_read_by_its_name(street):
    folder = street(a=lines_of(STREET), b=lines_of({1: range(9), 2: range(9)}))
    scenes = trajectories(str(folder / "a.txt"), 2, 1)
    assert people(scenes) == [(0, [3, 7]), (1, [3, 7]), (3, [5, 7])]


def test_only_listed_frames_count_whatever_their_numbers(street):
    # Frames 0 … 5 without 2: nobody was there, so the file does not list it.
    seen = {1: [0, 1, 3, 4, 5], 2: [0, 1, 3, 4, 5]}
    scenes = trajectories(street(one=lines_of(seen)), 2, 1)
    assert people(scenes) == [(0, [1, 2]), (1, [1, 2]), (3, [1, 2])]


def test_the_order_of_lines_and_the_kind_of_space_do_not_matter(street):
    lines = lines_of(STREET)
    expected = trajectories(street(one=lines), 2, 1)
    shuffled = [lines[i] for i in np.random.default_rng(0).permutation(len(lines))]
    untidy = ["", *(f" {line} ".replace("\t", "   ") for line in shuffled), "\r\n", " "]
    found = trajectories(street(one=untidy), 2, 1)
    np.testing.assert_array_equal(found.positions, expected.positions)
    np.testing.assert_array_equal(found.window, expected.window)


def test_of_lines_alike_the_last_counts(street):
    lines = lines_of({1: range(3), 2: range(3)})
    doubled = ["10\t1\t55\t66", *lines, "20\t2\t0.5\t0.25"]
    scenes = trajectories(street(one=doubled), 2, 1)
    clean = trajectories(street(one=lines), 2, 1).positions
    clean[1, 2] = 0.5, 0.25
    np.testing.assert_array_equal(scenes.positions, clean)


def test_coordinates_are_rounded_to_four_decimals(street):
    lines = [
        f"{frame} {who} 1.23456789 -0.00005001" for frame in (0, 1) for who in "12"
    ]
    positions = trajectories(street(one=lines), 1, 1).positions
    np.testing.assert_array_equal(positions, np.full((2, 2, 2), [1.2346, -1e-4], "f4"))


def test_pedestrians_are_split_into_past_and_future(street):
    scenes = trajectories(street(one=lines_of(STREET)), 2, 1)
    batch = pedestrians(scenes)
    [past] = batch.condition
    assert past.shape == (6, 2, 2) and batch.real.shape == (6, 1, 2)
    whole = np.concatenate([past, batch.real], axis=1)
    np.testing.assert_array_equal(whole, scenes.positions)


def test_crowds_hold_the_same_people_and_zeros(street):
    scenes = trajectories(street(one=lines_of(STREET)), 2, 1, at_least=1)
    batch, alone = crowds(scenes), pedestrians(scenes)
    past, present = batch.condition
    assert past.shape == (4, 2, 2, 2) and batch.real.shape == (4, 2, 1, 2)
    assert present.dtype == bool and past.dtype == batch.real.dtype == np.float32
    assert present.tolist() == [[True, True], [True, True], [True, False], [True, True]]
    np.testing.assert_array_equal(past[present], alone.condition[0])
    np.testing.assert_array_equal(batch.real[present], alone.real)
    assert (past[~present] == 0).all() and (batch.real[~present] == 0).all()


def test_crowds_of_chosen_windows_are_those_windows(street):
    scenes = trajectories(street(one=lines_of(STREET)), 2, 1, at_least=1)
    chosen = scenes.window >= 2
    some = Scenes(scenes.positions[chosen], scenes.window[chosen], scenes.observed)
    jax.tree.map(
        lambda part, whole: np.testing.assert_array_equal(part, whole[2:]),
        crowds(some),
        crowds(scenes),
    )


def test_both_forms_feed_a_source(street):
    scenes = trajectories(street(one=lines_of(STREET)), 2, 1)
    for data in (pedestrians(scenes), crowds(scenes)):
        assert isinstance(data, Batch)
        for batch in shuffled(data, batch_size=2)(0, 0):
            assert batch.real.shape == (2, *data.real.shape[1:])


@pytest.mark.parametrize("shape", [(5, 2), (3, 5, 2), (2, 3, 5, 2), (4, 1, 2)])
def test_displacements_and_positions_are_each_others_inverse(shape):
    positions = np.random.default_rng(0).normal(10, 5, shape)
    steps = displacements(positions)
    assert (steps[..., 0, :] == 0).all()
    np.testing.assert_array_equal(steps[..., 1:, :], np.diff(positions, axis=-2))
    back = from_displacements(steps, positions[..., 0, :])
    np.testing.assert_allclose(back, positions, rtol=1e-12)


def test_a_future_starts_where_the_past_ends():
    walk = np.random.default_rng(0).normal(size=(3, 6, 2))
    future = displacements(walk)[:, 4:]
    found = from_displacements(future, walk[:, 3])
    np.testing.assert_allclose(found, walk[:, 4:], rtol=1e-12)


def test_displacements_can_be_traced():
    walk = jnp.asarray(np.random.default_rng(0).normal(size=(3, 6, 2)), jnp.float32)
    back = jax.jit(lambda x: from_displacements(displacements(x), x[:, 0]))(walk)
    np.testing.assert_allclose(back, walk, atol=1e-5)


FRAMES = lines_of({1: range(3), 2: range(3)})


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("20 1 0.5", "'20 1 0.5'"),
        ("20 1 0.5 0.5 0.5", "'20 1 0.5 0.5 0.5'"),
        ("frame,1,2,3", "'frame,1,2,3'"),
        ("20 1 nan 0.5", "'20 1 nan 0.5'"),
        ("20 1 0.5 -inf", "'20 1 0.5 -inf'"),
        ("20 1 x 0.5", "'20 1 x 0.5'"),
        ("20 1 0.5 1e39", "'20 1 0.5 1e39'"),
        (f"20 {2**53} 0.5 0.5", "'20 9007199254740992 0.5 0.5'"),
    ],
)
def test_a_line_that_is_not_four_numbers_is_named(street, line, shown):
    folder = street(a=FRAMES, b=[*FRAMES[:2], "", line, *FRAMES[2:]])
    with pytest.raises(InputError) as refused:
        trajectories(folder, 2, 1)
    assert str(refused.value) == (
        f"trajectories: path: {folder / 'b.txt'}, line 4 must be four finite numbers "
        f"below 2⁵³, frame pedestrian x y, got {shown}."
    )


def test_a_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match=r"a\.txt, line 1 must be four finite numbers"):
        trajectories(tmp_path)


@pytest.mark.parametrize(
    ("count", "value"),
    [("observed", 0), ("predicted", -1), ("at_least", 0), ("stride", 0)],
)
def test_counts_are_at_least_one(street, count, value):
    message = f"trajectories: {count} must be an integer of at least 1, got {value}"
    with pytest.raises(InputError, match=message):
        trajectories(street(one=FRAMES), **{count: value})


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InputError) as refused:
        trajectories(tmp_path / "nowhere")
    assert str(refused.value) == (
        f"trajectories: path {tmp_path / 'nowhere'} does not exist; it must be a text "
        "file, or a folder with .txt files, such as eth/test."
    )


def test_a_folder_of_folders_is_refused(tmp_path):
    (tmp_path / "test.txt").mkdir()
    with pytest.raises(
        InputError, match=r"is a folder without \.txt files; it must be"
    ):
        trajectories(tmp_path)


@pytest.mark.parametrize(
    ("given", "length", "at_least", "frames"),
    [
        ({}, 20, 2, 3),
        ({"observed": 2, "predicted": 1, "at_least": 3}, 3, 3, 3),
        ({"observed": 3, "predicted": 1}, 4, 2, 3),
    ],
)
def test_nothing_kept_is_refused(street, given, length, at_least, frames):
    folder = street(a=FRAMES, b=[])
    with pytest.raises(InputError) as refused:
        trajectories(folder, **given)
    assert str(refused.value) == (
        f"trajectories: path {folder} must hold {length} consecutive frames "
        f"(observed + predicted) with at_least = {at_least} pedestrians in all of "
        f"them, but holds none; its longest file lists {frames} frames."
    )


def test_an_empty_recording_is_refused(street):
    with pytest.raises(InputError, match="its longest file lists 0 frames"):
        trajectories(street(a=["", " "]))


def test_crowds_of_joined_scenes_with_windows_alike_are_refused():
    joined = Scenes(np.zeros((4, 3, 2), np.float32), np.array([0, 1, 0, 1]), 2)
    with pytest.raises(InputError, match=r"crowds: scenes\.window must ascend"):
        crowds(joined)


# Windows and pedestrians of the test splits under Social GAN's rules, by how many
# steps are predicted after eight: counted once by a program independent of this one.
COUNTS = {
    "eth": {12: (70, 181), 8: (195, 614)},
    "hotel": {12: (301, 1053), 8: (443, 1714)},
    "univ": {12: (947, 24334), 8: (955, 27349)},
    "zara1": {12: (602, 2253), 8: (702, 2875)},
    "zara2": {12: (921, 5833), 8: (956, 6622)},
}


@pytest.mark.realdata
@pytest.mark.parametrize("predicted", [8, 12])
@pytest.mark.parametrize("scene", COUNTS)
def test_the_real_recordings_have_their_known_counts(real_data, scene, predicted):
    path = real_data / "eth_ucy" / scene / "test"
    scenes = trajectories(path, predicted=predicted)
    windows, walkers = COUNTS[scene][predicted]
    assert scenes.positions.shape == (walkers, 8 + predicted, 2)
    assert np.unique(scenes.window).tolist() == list(range(windows))
    assert (np.diff(scenes.window) >= 0).all()
    # 0.4 s a step: nobody runs at more than 20 km/h.
    assert np.linalg.norm(displacements(scenes.positions), axis=-1).max() < 2.2


@pytest.mark.realdata
@pytest.mark.parametrize(("at_least", "stride"), [(2, 1), (1, 5), (4, 3)])
def test_a_real_recording_agrees_with_the_rules_spelt_out(real_data, at_least, stride):
    [path] = (real_data / "eth_ucy" / "hotel" / "test").glob("*.txt")
    scenes = trajectories(path, 8, 12, at_least, stride)
    expected = spelt_out(path, 20, at_least, stride)
    assert scenes.window.tolist() == [w for w, _ in expected]
    np.testing.assert_array_equal(
        scenes.positions, np.array([walk for _, walk in expected], np.float32)
    )


def spelt_out(path: Path, length: int, at_least: int, stride: int):
    """(window, walk) of every pedestrian, by looking everybody up in every frame."""
    seen: dict[float, dict[float, tuple[float, float]]] = {}
    for line in path.read_text().splitlines():
        frame, who, x, y = map(float, line.split())
        seen.setdefault(frame, {})[who] = (round(x, 4), round(y, 4))
    frames, found, windows = sorted(seen), [], 0
    for start in range(0, len(frames) - length + 1, stride):
        window = [seen[frame] for frame in frames[start : start + length]]
        present = [
            who for who in sorted(window[0]) if all(who in frame for frame in window)
        ]
        if len(present) >= at_least:
            found += [(windows, [frame[who] for frame in window]) for who in present]
            windows += 1
    return found
