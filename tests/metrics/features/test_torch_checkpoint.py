"""State dicts, written here as PyTorch lays them out.

The writer shares nothing with the reader. That both are right, two files show that
PyTorch wrote itself.
"""

import base64
import io
import pickle
import struct
import zipfile
import zlib
from typing import NamedTuple

import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.features.weights import load

BY_HAND = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4"}


class Tensor(NamedTuple):
    """A view of the storage of `key`, which holds `data`."""

    kind: str
    key: str
    data: list
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


# What PyTorch pickles, in opcodes


def text(string):
    return b"X" + struct.pack("<I", len(string)) + string.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def row(*parts):
    return b"(" + b"".join(parts) + b"t"


def asked(module, name):
    return f"c{module}\n{name}\n".encode()


def made(function, *arguments):
    return asked(*function.rsplit(".", 1)) + row(*arguments) + b"R"


def tensor(what, older=False, view=b"N"):
    kind = asked("torch", f"{what.kind}Storage")
    parts = [text("storage"), kind, text(what.key), text("cpu"), number(len(what.data))]
    storage = row(*parts, *([view] if older else [])) + b"Q"
    sides, steps = (row(*map(number, x)) for x in (what.shape, what.strides))
    hooks = made("collections.OrderedDict")
    fields = storage, number(what.offset), sides, steps, b"\x89", hooks
    return made("torch._utils._rebuild_tensor_v2", *fields)


def state(items):
    """A pickled dictionary of what is pickled already."""
    pairs = b"".join(text(name) + value for name, value in items.items())
    return b"\x80\x02" + made("collections.OrderedDict") + b"(" + pairs + b"u."


def bytes_of(what):
    return np.array(what.data, BY_HAND[what.kind]).tobytes()


def zip_file(tensors, pickled=None):
    pickled = pickled or state({name: tensor(x) for name, x in tensors.items()})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("weights/data.pkl", pickled)
        archive.writestr("weights/byteorder", "little")
        for what in {x.key: x for x in tensors.values()}.values():
            archive.writestr(f"weights/data/{what.key}", bytes_of(what))
        archive.writestr("weights/version", "3\n")
    return file.getvalue()


def older_file(tensors, pickled=None):
    pickled = pickled or state({name: tensor(x, True) for name, x in tensors.items()})
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    file = [pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, system)]
    storages = {x.key: x for x in tensors.values()}
    file += [pickled, pickle.dumps(list(storages), 2)]
    for what in storages.values():
        file += [struct.pack("<q", len(what.data)), bytes_of(what)]
    return b"".join(file)


LAYOUTS = pytest.mark.parametrize("write", [zip_file, older_file])

MATRIX = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
TENSORS = {
    "whole": Tensor("Float", "0", MATRIX, 0, (2, 3), (3, 1)),
    "turned": Tensor("Float", "0", MATRIX, 0, (3, 2), (1, 3)),
    "part": Tensor("Float", "0", MATRIX, 4, (2,), (1,)),
    "repeated": Tensor("Float", "0", MATRIX, 1, (2, 2), (0, 1)),
    "half": Tensor("Half", "1", [0.25, -2], 0, (2,), (1,)),
    "double": Tensor("Double", "2", [1 / 3], 0, (1, 1), (1, 1)),
    "steps": Tensor("Long", "3", [2**40], 0, (), ()),
    "small": Tensor("Int", "4", [7, -7], 0, (2,), (1,)),
    "empty": Tensor("Float", "5", [], 0, (0, 3), (3, 1)),
}


def put(folder, content, name="weights"):
    """Write bytes to a file, and give its path."""
    (folder / name).write_bytes(content)
    return folder / name


def assert_same(arrays, known):
    assert list(arrays) == list(known)
    for name, array in known.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


@LAYOUTS
def test_tensors_are_read_as_they_lie_in_storages(tmp_path, write):
    known = {
        "whole": np.float32([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]),
        "turned": np.float32([[0.5, 3.5], [1.5, 4.5], [2.5, 5.5]]),
        "part": np.float32([4.5, 5.5]),
        "repeated": np.float32([[1.5, 2.5], [1.5, 2.5]]),
        "half": np.float16([0.25, -2]),
        "double": np.float64([[1 / 3]]),
        "steps": np.array(2**40),
        "small": np.int32([7, -7]),
        "empty": np.zeros((0, 3), np.float32),
    }
    assert_same(load(put(tmp_path, write(TENSORS))).arrays, known)


# torch.save of PyTorch 2.13.0, in its two layouts, compressed.
BY_PYTORCH_ZIP = (
    "c-p0vzi-n(6vr=4;-m)p3usG#mfs}Mrm>SIDFsqlU?CZa5<rT&L~i0X7H*v9T#8_-1m(vD5<;*bRyH;m"
    "`4?E2SP()L5)u;<BX@RdY)2u`o^-bC-1qxFcX{u5P7a0;ibhe}=tqM{F)KA~MV+iFSV=Z+>XO)t<~?JT"
    "sZ<PIS1VXE>P_y7SyfH7dO@pT4p5>9fp{rE%x(cw!3J?lmRnfUn_Ssc7h0NLEn~IbG|cjfz(Ft`FGa}W"
    "CRwR0sSvUyoTM8HzGlDVAZ!_?fGq{dz0znwL}oEWugXXc%FKP}kppt@K5&m}6krF2okiGHBD+Kl#l+BC"
    "BXMe>TDZp6EM?zSIV3Y{&@TtpV8B)lV%S}TJ(jAb=!>w|R&5YnBCi~vAq$9yVPeN%7@;7<ZXdOa*>?Le"
    "94NxUQrOy^+GxV4$M3RHUvm7$EI$Db5x)S2!^AI<uzikTI9h~b)`A8c?{K7Ko653^Rg;4go-h}T)`G4&"
    "flgXJX^7i_5)_;;pQ4x3cEE8A6Gccqv>qlOK&l9QD>)}eqTjE_e*PqSI_Ekj(J*42BuXwC=CXpzE2`Nf"
    "$s&mi$t9k8z5Vg&E=8fUvsVn|{&;QVNLkUfrTVg3$C8-#rRG14Y=#09ZoxN(gkb&(Fn|gUz`|{;8Z_A@"
    "ab_!VH;1latgDn^?cA4rEQ!MYm7y1%_f+L%N)pd(1Hg7&Jx?wLgl5THCG%B*5*5F$kByKYM!FD<dx>~S"
    "jQ=wc%A@x**1gxI$F$f&U1H68V+oRYc00#EAK7rG42_TL1`QhR!f@8hke0+e+TQv9vd;VSi^F~0<M*K%"
    "C%#ikxvc`EIU4!H%cUFL^M4cxe+tmrdQ&wuQh|3A+WpH~RT7i`3BspxxqMd03Dddh>HJiN&k9qijF1<E"
    "Y$nU6Qd1crli~R+rF>%!CE|o5Zczp(ti$PUNBwQ&{_mJy?QTHB9_2*_b!uRK6L%Adc}$+TP1-t_-^bku"
    "20T84LDb%W{Bn2I_Il*cg2>l9{91PvdbRP8Ps{tY?&|SspZc|eU+d0%uXZHt)297eckcFiw9j4I4*!`u"
    "rAEDH&7v;JJ}0y6_-1JYCmbc`yWeH(`#W~C)v#9Andz~g?XO;#wKbfz-d_6~j?^C9"
)

BY_PYTORCH_OLDER = (
    "c-nQ6NpI6Y6vw?K0YgjKDQnpsmSEf@rWeAYswxdz&BYgFxz11<4IV#xTm(|3Tw2<G1`Ztg7<?VR0Z1Hp"
    "w$oHW#?n0Ny_xy_-!da*UuS>5uKZqj|NZrRXQaINsiNHi$#CZ+NlH>Kc)*#rNz*LiG01qpoxvRz3BjmG"
    "<6-2-pzOLj2F0g@dRg?DW}t3?X1EOuW+6`nG>GD==tZ%BCed82VDNYYT13lp)C^FD(LkU|roT#uG^NAk"
    "C=fbGZ3kq-mGQ<$Py)fzAnbU#h*+k3DP7MaHuMCIGoE^zmJX_6xUE7MPx>1awCak!!niNqR6!jY?kt{J"
    ">YBY?-!l95qG@%ZS>_ldIi}ToDd5N&k%&r^9XLv4qV9mc7Z&Lp6L8#tnX-z+$MR-FR1LMTmU<$rXme{s"
    "Bg!_MB=R<#sz|2=oN?f6NeX@T4$f7ian7q4nxuSw3T`i1-F_D?AY4KCe32@`FBb4i75uV*D-K+(#vo{t"
    "!L=#+a~!~gzHmslP1~~UMY|8zkuD?s2GZN@ih5JPEeCFw14-b{e+GhW@jp;OQyuP3i7xYeozaP`@lVIB"
    "9?G`IviFLju%7#cc~Hqe6wq<t(QfIOU*NF=R`Gz|7LT@uCD)BascWTL*8z=oib4;+UxVh9KYEI0AW6?~"
    "jc|P%C<j|lq#p-&TjT#<ETP^L"
)


@pytest.mark.parametrize("content", [BY_PYTORCH_ZIP, BY_PYTORCH_OLDER])
def test_files_of_pytorch_are_read(tmp_path, content):
    known = {
        "w": np.float32([[0, 0.75], [0.25, 1], [0.5, 1.25]]),
        "part": np.float32([1, 1.25]),
        "half": np.float16([0.5, -2]),
        "steps": np.array(7),
        "p": np.float64([1.5]),
    }
    path = put(tmp_path, zlib.decompress(base64.b85decode(content)))
    assert_same(load(path).arrays, known)


@LAYOUTS
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("torch.nn.modules.linear", "Linear"),
        ("torch._utils", "_rebuild_qtensor"),
        ("torch", "BFloat16Storage"),
        ("numpy", "array"),
    ],
)
def test_other_names_in_a_pickle_are_refused(tmp_path, write, module, name):
    pickled = state({"a": made(f"{module}.{name}", text("false"))})
    with pytest.raises(InputError, match=f"it asks for {module}.{name}, .* run code"):
        load(put(tmp_path, write({}, pickled)))


def test_a_parameter_is_a_tensor(tmp_path):
    parameter = made(
        "torch._utils._rebuild_parameter", tensor(TENSORS["part"]), b"\x89"
    )
    path = put(tmp_path, zip_file({"a": TENSORS["part"]}, state({"a": parameter})))
    assert_same(load(path).arrays, {"a": np.float32([4.5, 5.5])})


@LAYOUTS
@pytest.mark.parametrize(
    "change",
    [
        {"offset": 5},
        {"shape": (7,)},
        {"strides": (5,)},
        {"offset": 0, "strides": (-1,)},
    ],
)
def test_tensors_beyond_their_storage_are_refused(tmp_path, write, change):
    beyond = TENSORS["part"]._replace(**change)
    with pytest.raises(InputError, match="cannot be read as a PyTorch state dict"):
        load(put(tmp_path, write({"a": beyond})))


@LAYOUTS
def test_what_is_no_tensor_is_named(tmp_path, write):
    pickled = state({"epoch": number(3)})
    with pytest.raises(InputError, match=r"'epoch' is not a tensor; only state dicts"):
        load(put(tmp_path, write({}, pickled)))


def test_views_of_storages_are_refused(tmp_path):
    view = row(text("1"), number(0), number(2))
    pickled = state({"a": tensor(TENSORS["part"], older=True, view=view)})
    with pytest.raises(InputError, match="views of storages"):
        load(put(tmp_path, older_file({"a": TENSORS["part"]}, pickled)))


def test_archives_and_pickles_of_others_are_refused(tmp_path):
    file = io.BytesIO()
    np.savez(file, a=np.zeros(2))
    with pytest.raises(InputError, match="is a zip archive, but not PyTorch's"):
        load(put(tmp_path, file.getvalue()))
    with pytest.raises(InputError, match="is a pickle, but not PyTorch's"):
        load(put(tmp_path, pickle.dumps({"a": 1}, 2)))
