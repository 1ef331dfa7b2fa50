"""Solids with normals, and the GLB file that holds them (glTF 2.0, metres, Y up)."""

import json
import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise, product

Vector = tuple[float, float, float]
Placement = Callable[[Vector], Vector]

FLOAT, UNSIGNED_SHORT, ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 5126, 5123, 34962, 34963
CREASE = math.radians(35)


@dataclass(slots=True)
class Mesh:
    """Triangles of one material; each vertex has its own normal."""

    points: list[Vector] = field(default_factory=list)
    normals: list[Vector] = field(default_factory=list)
    triangles: list[tuple[int, int, int]] = field(default_factory=list)

    def grid(self, rows: list[list[tuple[Vector, Vector]]]) -> None:
        """A sheet of quads between rows of (point, normal), each row as long as the next."""
        start, width = len(self.points), len(rows[0])
        for row in rows:
            for point, normal in row:
                self.points.append(point)
                self.normals.append(normal)
        for i in range(len(rows) - 1):
            for j in range(width - 1):
                a = start + i * width + j
                self._facing(a, a + 1, a + width + 1)
                self._facing(a, a + width + 1, a + width)

    def face(self, corners: list[Vector], outwards: Vector) -> None:
        """One flat convex face."""
        start = len(self.points)
        self.points += corners
        self.normals += [unit(outwards)] * len(corners)
        for i in range(1, len(corners) - 1):
            self._facing(start, start + i, start + i + 1)

    def _facing(self, a: int, b: int, c: int) -> None:
        """A triangle wound so that it faces where its vertices' normals point."""
        across = cross(sub(self.points[b], self.points[a]), sub(self.points[c], self.points[a]))
        if dot(across, across) < 1e-18:
            return
        mean = tuple(sum(axis) for axis in zip(*(self.normals[i] for i in (a, b, c)), strict=True))
        self.triangles.append((a, b, c) if dot(across, mean) > 0 else (a, c, b))


def sub(a: Vector, b: Vector) -> Vector:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def dot(a: Iterable[float], b: Iterable[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def unit(a: Vector) -> Vector:
    length = math.sqrt(dot(a, a)) or 1.0
    return (a[0] / length, a[1] / length, a[2] / length)


def along_x(centre: Vector) -> Placement:
    """Solids of revolution lie along X; this one moves them."""
    return lambda p: (p[0] + centre[0], p[1] + centre[1], p[2] + centre[2])


def along_y(centre: Vector) -> Placement:
    """Stands them up along Y."""
    return lambda p: (-p[1] + centre[0], p[0] + centre[1], p[2] + centre[2])


def along_z(centre: Vector) -> Placement:
    """Lays them along Z."""
    return lambda p: (-p[2] + centre[0], p[1] + centre[1], p[0] + centre[2])


def lathe(
    mesh: Mesh, profile: list[tuple[float, float]], place: Placement, *, sides: int = 48
) -> None:
    """A solid of revolution: `profile` is (x, radius), walked with the outside on the left."""
    zero = place((0.0, 0.0, 0.0))
    across = [unit2(b[1] - a[1], -(b[0] - a[0])) for a, b in pairwise(profile)]
    across = [(-n[0], -n[1]) for n in across]
    for i, (start, end) in enumerate(pairwise(profile)):
        first = _blend(across[i], across[i - 1]) if i else across[i]
        last = _blend(across[i], across[i + 1]) if i + 1 < len(across) else across[i]
        rows = []
        for (x, r), (nx, nr) in ((start, first), (end, last)):
            row = []
            for j in range(sides + 1):
                c, s = math.cos(math.tau * j / sides), math.sin(math.tau * j / sides)
                normal = sub(place((nx, nr * c, nr * s)), zero)
                row.append((place((x, r * c, r * s)), unit(normal)))
            rows.append(row)
        mesh.grid(rows)


def unit2(x: float, y: float) -> tuple[float, float]:
    length = math.hypot(x, y) or 1.0
    return (x / length, y / length)


def _blend(mine: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """A shared normal where two pieces of the profile meet smoothly, else each its own."""
    if dot(mine, other) < math.cos(CREASE):
        return mine
    return unit2(mine[0] + other[0], mine[1] + other[1])


def tube(mesh: Mesh, path: list[tuple[Vector, Vector, float]], *, sides: int = 28) -> None:
    """A round tube through (point, direction, radius); the path lies in a plane across X."""
    rows = []
    for point, direction, radius in path:
        outwards = unit(cross(direction, (1.0, 0.0, 0.0)))
        row = []
        for j in range(sides + 1):
            c, s = math.cos(math.tau * j / sides), math.sin(math.tau * j / sides)
            normal = (c, s * outwards[1], s * outwards[2])
            moved = (
                point[0] + radius * c,
                point[1] + radius * normal[1],
                point[2] + radius * normal[2],
            )
            row.append((moved, normal))
        rows.append(row)
    mesh.grid(rows)


def box(mesh: Mesh, centre: Vector, size: Vector, *, chamfer: float = 0.004) -> None:
    """A box with chamfered edges."""
    half = [s / 2 for s in size]
    cut = min([chamfer, *(h * 0.45 for h in half)])

    def corner(signs: Vector, full: int) -> Vector:
        x, y, z = (
            centre[i] + signs[i] * (half[i] if i == full else half[i] - cut) for i in range(3)
        )
        return (x, y, z)

    ends = (-1, 1)
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for side in ends:
            signs = [
                _signs(axis, side, u, a, v, b) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
            ]
            mesh.face([corner(s, axis) for s in signs], _signs(axis, side, u, 0, v, 0))
        for a in ends:
            for b in ends:
                low, high = _signs(u, a, v, b, axis, -1), _signs(u, a, v, b, axis, 1)
                edge = [corner(low, u), corner(high, u), corner(high, v), corner(low, v)]
                mesh.face(edge, _signs(u, a, v, b, axis, 0))
    for a, b, c in product(ends, repeat=3):
        tip = (float(a), float(b), float(c))
        mesh.face([corner(tip, axis) for axis in range(3)], tip)


def _signs(i: int, a: int, j: int, b: int, k: int, c: int) -> Vector:  # noqa: PLR0917 - three axes, each with its sign
    signs = [0, 0, 0]
    signs[i], signs[j], signs[k] = a, b, c
    return (signs[0], signs[1], signs[2])


def write_glb(
    meshes: dict[str, Mesh], materials: dict[str, dict[str, object]], *, name: str, author: str
) -> bytes:
    """The meshes as one GLB, each with the material of its name."""
    binary, views, accessors, primitives = bytearray(), [], [], []

    def store(data: bytes, target: int, accessor: dict[str, object]) -> int:
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)})
        views[-1]["target"] = target
        accessors.append({"bufferView": len(views) - 1, **accessor})
        binary.extend(data + b"\0" * (-len(data) % 4))
        return len(accessors) - 1

    def vectors(values: list[Vector], **more: object) -> int:
        data = b"".join(struct.pack("<3f", *value) for value in values)
        kind = {"componentType": FLOAT, "count": len(values), "type": "VEC3", **more}
        return store(data, ARRAY_BUFFER, kind)

    for place, mesh in enumerate(meshes.values()):
        columns = list(zip(*mesh.points, strict=True))
        bounds = {"min": [f32(min(c)) for c in columns], "max": [f32(max(c)) for c in columns]}
        indices = [index for triangle in mesh.triangles for index in triangle]
        kind = {"componentType": UNSIGNED_SHORT, "count": len(indices), "type": "SCALAR"}
        packed = struct.pack(f"<{len(indices)}H", *indices)
        attributes = {
            "POSITION": vectors(mesh.points, **bounds),
            "NORMAL": vectors(mesh.normals),
        }
        triangles = store(packed, ELEMENT_ARRAY_BUFFER, kind)
        primitives.append({"attributes": attributes, "indices": triangles, "material": place})
    document = {
        "asset": {"version": "2.0", "generator": "nftsvc samples", "copyright": author},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [{"name": name, "primitives": primitives}],
        "materials": [{"name": material, **materials[material]} for material in meshes],
        "buffers": [{"byteLength": len(binary)}],
        "bufferViews": views,
        "accessors": accessors,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    length = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        (
            struct.pack("<4sII", b"glTF", 2, length),
            struct.pack("<I4s", len(text), b"JSON"),
            text,
            struct.pack("<I4s", len(binary), b"BIN\0"),
            bytes(binary),
        )
    )


def f32(value: float) -> float:
    """The value as a 32-bit float holds it: a bound must not lie inside what it bounds."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])
