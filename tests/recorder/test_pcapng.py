"""The capture file, read back by dpkt, which shares no code with the writer."""

import io
import struct

import dpkt
import pytest
from recorder import pcapng

FRAME = bytes(range(60))
TIME = 1_795_424_554_079_612_345


def written(*blocks: bytes) -> io.BytesIO:
    return io.BytesIO(pcapng.section("x86_64", "Linux 6.18", "lab recorder") + b"".join(blocks))


def test_frame_time_and_linktype_come_back() -> None:
    file = written(pcapng.interface("eth0"), pcapng.packet(0, TIME, FRAME, outgoing=False))
    reader = dpkt.pcapng.Reader(file)
    ((time, frame),) = list(reader)
    assert frame == FRAME
    assert reader.datalink() == dpkt.pcap.DLT_EN10MB
    assert time == pytest.approx(TIME / 1e9, abs=1e-6)


def test_nanoseconds_are_kept() -> None:
    block = pcapng.packet(0, TIME, FRAME, outgoing=False)
    _, _, _, high, low, captured, original = struct.unpack_from("<IIIIIII", block)
    assert (high << 32) + low == TIME
    assert captured == original == len(FRAME)


@pytest.mark.parametrize("length", range(8))
def test_any_length_is_padded_to_whole_words(length: int) -> None:
    file = written(pcapng.interface("lo"), pcapng.packet(0, TIME, FRAME[:length], outgoing=True))
    ((_, frame),) = list(dpkt.pcapng.Reader(file))
    assert frame == FRAME[:length]


def test_interfaces_carry_name_and_resolution() -> None:
    block = dpkt.pcapng.InterfaceDescriptionBlockLE(pcapng.interface("eth0"))
    options = {option.code: option.data for option in block.opts}
    assert options[2] == b"eth0"
    assert options[9] == b"\x09"


@pytest.mark.parametrize(("outgoing", "flag"), [(False, 1), (True, 2)])
def test_direction_is_an_option_of_the_packet(outgoing: bool, flag: int) -> None:
    block = dpkt.pcapng.EnhancedPacketBlockLE(pcapng.packet(3, TIME, FRAME, outgoing))
    options = {option.code: option.data for option in block.opts}
    assert struct.unpack("<I", options[2]) == (flag,)
    assert block.iface_id == 3


def test_section_names_hardware_system_and_application() -> None:
    block = dpkt.pcapng.SectionHeaderBlockLE(pcapng.section("x86_64", "Linux 6.18", "lab recorder"))
    assert [(option.code, option.data) for option in block.opts[:3]] == [
        (2, b"x86_64"),
        (3, b"Linux 6.18"),
        (4, b"lab recorder"),
    ]


def test_control_a_cut_file_is_refused_by_the_reader() -> None:
    whole = written(pcapng.interface("eth0"), pcapng.packet(0, TIME, FRAME, outgoing=False)).getvalue()
    with pytest.raises((dpkt.UnpackError, ValueError)):
        list(dpkt.pcapng.Reader(io.BytesIO(whole[:-5])))
