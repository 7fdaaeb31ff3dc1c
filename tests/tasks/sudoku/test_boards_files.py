"""Boards from outside: single ones, CSV files, SATNet's tensors."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oscillo_tasks.sudoku.boards import (
    BlockShape,
    BoardError,
    BoardFileError,
    Boards,
    check,
    count_rows,
    digit_string,
    generate,
    parse_board,
    read_boards,
)

FOUR = BlockShape(2, 2)
EASY = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
# Refuting it takes millions of branches.
OBSTINATE = ".....5.8....6.1.43..........1.5........1.6...3.......553.....61........4........."


@pytest.fixture(scope="module")
def boards() -> Boards:
    return generate(12, (28, 40), seed=11)


def lines(boards: Boards) -> list[str]:
    pairs = zip(boards.puzzles, boards.solutions, strict=True)
    return [f"{digit_string(puzzle)},{digit_string(solution)}" for puzzle, solution in pairs]


def equal(first: Boards, second: Boards) -> bool:
    return np.array_equal(first.puzzles, second.puzzles) and np.array_equal(first.solutions, second.solutions)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=81, max_size=81))
def test_writing_and_parsing_are_inverse(digits):
    board = np.array(digits, dtype=np.uint8)
    assert (parse_board(digit_string(board)) == board).all()
    assert (parse_board(digit_string(board).replace("0", ".")) == board).all()


@pytest.mark.parametrize(
    ("board", "reason"),
    [
        (EASY[:-1], "wrong length: 80 characters instead of 81"),
        (EASY[:10] + "x" + EASY[11:], r"illegal character: 'x' at position 11 \(row 2, column 2\)"),
        (EASY[:10] + "²" + EASY[11:], "illegal character: '²' at position 11"),
        (EASY[:2] + "5" + EASY[3:], "5 stands more than once in row 1"),
        (EASY[:72] + "5" + EASY[73:], "5 stands more than once in column 1"),
        (EASY[:20] + "8" + EASY[21:30] + "8" + EASY[31:], "8 stands more than once in"),
        ("12" + "0" * 7 + "0" * 63 + "003000000", "more than one solution"),
        ("123456780" + "0" * 8 + "9" + "0" * 63, "no solution"),
        ("." * 81, "more than one solution"),
        (OBSTINATE, "not decided within 200,000 branches"),
    ],
)
def test_a_bad_board_is_refused_with_its_reason(board, reason):
    with pytest.raises(BoardError, match=reason):
        check(board)


def test_a_good_board_comes_back_solved():
    solved = check(EASY.replace("0", "."))
    assert digit_string(solved.solutions[0]).startswith("534678912")
    assert solved.givens[0] == 30 and not solved.branching[0]
    assert check("1..." + "..2." + ".3.." + "...4", FOUR).block == FOUR
    typed = "1. ..\n..2.\r\n\n.3..\n...4 "
    assert (check(typed, FOUR).puzzles == check("1.....2..3.....4", FOUR).puzzles).all()
    with pytest.raises(BoardError, match=r"'x' at position 7 \(row 2, column 3\)"):
        check(typed.replace("2", "x"), FOUR)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("header", ["puzzle,solution\n", "quizzes,solutions\n", "Quiz,Solution\r\n", ""])
def test_csv_comes_back_as_written(tmp_path, boards, header, packed):
    text = (header + "\n".join(lines(boards)) + "\n").encode()
    path = tmp_path / "boards.csv"
    path.write_bytes(gzip.compress(text) if packed else text)
    read = read_boards(path)
    assert equal(read.boards, boards) and not read.rejected
    assert (read.boards.nodes == boards.nodes).all()
    assert equal(read_boards(path, limit=5).boards, boards[:5])


def test_columns_are_found_by_name_and_solutions_are_made(tmp_path, boards):
    rows = [f"{k},{line.split(',')[0].replace('0', '.')},easy" for k, line in enumerate(lines(boards))]
    path = tmp_path / "boards.csv"
    path.write_text("\ufeffid,puzzle,rating\n" + "\n".join(rows))
    assert equal(read_boards(path).boards, boards)
    path.write_text("\n".join(row.split(",")[1] for row in rows))
    assert equal(read_boards(path).boards, boards)


def test_bad_rows_are_named_and_the_others_kept(tmp_path, boards):
    good = lines(boards)
    wrong = good[3].split(",")[0] + "," + good[4].split(",")[1]
    bad = [
        good[0][1:],
        "9" * 81 + "," + good[0].split(",")[1],
        good[1].split(",")[0] + ",123",
        "0" * 81 + "," + good[0].split(",")[1],
        wrong,
    ]
    path = tmp_path / "boards.csv"
    path.write_text("\n".join(["puzzle,solution", *bad[:2], good[5], "", *bad[2:], good[6]]))
    read = read_boards(path)
    assert equal(read.boards, boards[5:7])
    assert [rejected.row for rejected in read.rejected] == [2, 3, 6, 7, 8]
    reasons = [rejected.reason for rejected in read.rejected]
    assert reasons[0] == "wrong length: 80 characters instead of 81"
    assert reasons[1].startswith("contradictory givens: 9 stands more than once in row 1")
    assert reasons[2] == "in the solution: wrong length: 3 characters instead of 81"
    assert reasons[3] == "more than one solution"
    assert reasons[4].startswith("wrong solution: ")
    assert str(read.rejected[0]) == "row 2: wrong length: 80 characters instead of 81"


@pytest.mark.parametrize("header", ["puzzle,solution", None])
def test_solutions_may_be_left_out_in_some_rows(tmp_path, boards, header):
    pairs = [line.split(",") for line in lines(boards)]
    rows = [f"{puzzle}," if k % 3 == 0 else puzzle if k % 3 == 1 else f"{puzzle},{solution}"
            for k, (puzzle, solution) in enumerate(pairs)]  # fmt: skip
    rows[2] = f"{pairs[2][0]},{pairs[3][1]}"  # whatever the rows before it say of solutions, this one is compared
    path = tmp_path / "boards.csv"
    path.write_text("\n".join([header, *rows] if header else rows))
    read = read_boards(path)
    assert equal(read.boards, boards[np.arange(12) != 2])
    assert [rejected.kind for rejected in read.rejected] == ["wrong solution"]


def test_a_puzzle_is_told_of_before_its_solution(tmp_path, boards):
    """Each of these has a solution that is none, too."""
    puzzle, solution = lines(boards)[0].split(",")
    rows = {
        "123": "wrong length",
        "11" + "0" * 79: "contradictory givens",
        "0" * 81: "more than one solution",
        "123456780" + "0" * 8 + "9" + "0" * 63: "no solution",
        puzzle: "in the solution",
    }
    path = tmp_path / "boards.csv"
    path.write_text("\n".join(["puzzle,solution", *(f"{row},12" for row in rows), f"{puzzle},{solution}"]))
    read = read_boards(path)
    assert [rejected.kind for rejected in read.rejected] == list(rows.values()) and len(read.boards) == 1
    path.write_text(f"puzzle,solution\n{puzzle},{solution[:-1]}.\n{puzzle},")
    assert "blank at row 9, column 9, where the only solution has" in read_boards(path).rejected[0].reason


@pytest.mark.parametrize(("bad", "listed"), [(0, 0), (1, 1), (50, 50), (51, 20)])
def test_every_row_left_out_is_listed_or_counted(tmp_path, boards, bad, listed):
    path = tmp_path / "boards.csv"
    wrong = ["1" * 80 if k % 2 else "1" * 81 for k in range(bad)]
    path.write_text("\n".join([*lines(boards), *wrong]))
    told = read_boards(path).left_out
    assert [line.split(":")[0] for line in told[1 : listed + 1]] == [f"  row {13 + k}" for k in range(listed)]
    if bad:
        assert told[0] == ("1 row was left out:" if bad == 1 else f"{bad} rows were left out:")
    assert told[listed + 1 :] == (
        ["  and 31 more; in all: 26 contradictory givens, 25 wrong length"] if listed < bad else []
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "not a text file"),
        (gzip.compress(b"puzzle,solution\n" * 50)[:-12], "truncated or damaged"),
        (b"name,age\nAda,36\n", "no column named `puzzle` or `quiz`"),
        (b"puzzle,solution\n", "none of its 0 rows"),
        (b"puzzle\n123\n", "none of its 1 rows is a usable 9x9 board; row 2: wrong length: 3 characters"),
        (b"puzzle\n123\n" + b"0" * 81 + b"\n12", r"81; in all: 2 wrong length, 1 more than one solution$"),
    ],
)
def test_unreadable_files_are_named(tmp_path, content, message):
    path = tmp_path / "boards.csv"
    path.write_bytes(content)
    with pytest.raises(BoardFileError, match=message) as caught:
        read_boards(path)
    assert str(path) in str(caught.value)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(BoardFileError, match="no such file"):
        read_boards(tmp_path / "nowhere.csv")
    with pytest.raises(BoardFileError, match=r"no features\.pt"):
        read_boards(tmp_path)


def one_hot(digits: np.ndarray) -> torch.Tensor:
    marks = torch.nn.functional.one_hot(torch.from_numpy(digits).long(), 10)[..., 1:]
    return marks.float().reshape(-1, 9, 9, 9)


@pytest.mark.parametrize("zipped", [True, False])
def test_satnet_tensors(tmp_path, boards, zipped):
    features, labels = one_hot(boards.puzzles), one_hot(boards.solutions)
    features[2, 0, 0] = 1.0
    for name, tensor in (("features.pt", features), ("labels.pt", labels)):
        torch.save(tensor, tmp_path / name, _use_new_zipfile_serialization=zipped)
    read = read_boards(tmp_path)
    assert equal(read.boards, boards[np.arange(12) != 2])
    assert [str(rejected) for rejected in read.rejected] == [
        "row 3: not one-hot: row 1, column 1 has neither zeros alone (blank) nor a single one"
    ]
    assert count_rows(tmp_path, BlockShape()) in (12, 13)  # the file's own head counts in
    (tmp_path / "labels.pt").unlink()
    assert count_rows(tmp_path, BlockShape()) in (12, 13)
    assert equal(read_boards(tmp_path, limit=2).boards, boards[:2])


class Trap:
    def __reduce__(self):
        return (print, ("code in the file was run",))


def test_satnet_files_that_are_no_tensors_are_refused(tmp_path, boards, capsys):
    path = tmp_path / "features.pt"
    torch.save(Trap(), path)
    with pytest.raises(BoardFileError, match=r"features\.pt: it holds print, .* and none is run") as caught:
        read_boards(tmp_path)
    assert "was run" not in capsys.readouterr().out and "weights_only" not in str(caught.value)
    torch.save(torch.zeros(3, 4), path)
    with pytest.raises(BoardFileError, match=r"expected one tensor \[n, 9, 9, 9\]"):
        read_boards(tmp_path)
    torch.save(one_hot(boards.puzzles), path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(BoardFileError, match="truncated"):
        read_boards(tmp_path)
    torch.save(one_hot(boards.puzzles), path)
    torch.save(one_hot(boards.solutions[:5]), tmp_path / "labels.pt")
    with pytest.raises(BoardFileError, match=r"features\.pt has 12 boards and labels\.pt 5"):
        read_boards(tmp_path)
