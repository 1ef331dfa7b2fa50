"""An end-suction centrifugal pump with its motor on a base plate, as a GLB."""

import math
import sys
from pathlib import Path

from solids import Mesh, Placement, Vector, along_x, along_y, along_z, box, lathe, tube, write_glb

AXIS = 0.315  # height of the shaft above the floor
VOLUTE = 0.30  # where the casing stands along the shaft
MATERIALS: dict[str, dict[str, object]] = {
    name: {
        "pbrMetallicRoughness": {
            "baseColorFactor": [*colour, 1.0],
            "metallicFactor": metallic,
            "roughnessFactor": roughness,
        },
        "doubleSided": False,
    }
    for name, colour, metallic, roughness in (
        ("casing paint", (0.012, 0.105, 0.290), 0.15, 0.38),
        ("motor paint", (0.215, 0.245, 0.262), 0.20, 0.45),
        ("machined steel", (0.640, 0.655, 0.670), 1.00, 0.24),
        ("bolts", (0.300, 0.305, 0.310), 1.00, 0.38),
        ("base plate", (0.032, 0.036, 0.042), 0.35, 0.55),
        ("guard", (0.780, 0.310, 0.012), 0.10, 0.42),
        ("bore", (0.010, 0.010, 0.012), 0.10, 0.90),
    )
}


def build() -> dict[str, Mesh]:
    meshes = {name: Mesh() for name in MATERIALS}
    casing(meshes)
    drive_end(meshes)
    motor(meshes)
    base(meshes)
    return meshes


def casing(meshes: dict[str, Mesh]) -> None:
    paint, steel = meshes["casing paint"], meshes["machined steel"]
    centre: Vector = (VOLUTE, AXIS, 0.0)
    turns, ring = 64, 0.128
    path = []
    for i in range(turns + 1):
        share = i / turns
        angle = math.pi + math.tau * share  # ends at the far side of Z, heading up
        radius = 0.034 + 0.040 * share
        reach = ring + 0.012 * share
        point = (VOLUTE, AXIS - reach * math.sin(angle), reach * math.cos(angle))
        path.append((point, (0.0, -math.cos(angle), -math.sin(angle)), radius))
    outlet = path[-1][0]
    for i in range(1, 7):
        up = 0.26 * i / 6
        path.append(((VOLUTE, outlet[1] + up, outlet[2]), (0.0, 1.0, 0.0), 0.074 - 0.020 * i / 6))
    tube(paint, path)
    lathe(
        paint,
        [
            (-0.085, 0.0),
            (-0.085, 0.105),
            (-0.060, 0.130),
            (0.030, 0.130),
            (0.052, 0.105),
            (0.066, 0.074),
            (0.090, 0.062),
            (0.150, 0.060),
        ],
        along_x(centre),
    )
    flange(meshes, along_x((VOLUTE + 0.150, AXIS, 0.0)), radius=0.112, bore=0.050)
    flange(meshes, along_y((VOLUTE, outlet[1] + 0.255, outlet[2])), radius=0.100, bore=0.042)
    # The casing cover and its bolts.
    lathe(
        steel,
        [(-0.096, 0.0), (-0.096, 0.140), (-0.085, 0.144), (-0.074, 0.140), (-0.074, 0.0)],
        along_x(centre),
    )
    bolts(meshes["bolts"], along_x((VOLUTE - 0.096, AXIS, 0.0)), count=12, ring=0.127, back=True)
    for side in (-1, 1):
        box(paint, (VOLUTE + 0.01, 0.105, side * 0.085), (0.11, 0.10, 0.035))
        box(paint, (VOLUTE + 0.01, 0.068, side * 0.105), (0.13, 0.022, 0.10))
        lathe(
            meshes["bolts"],
            hexagon(0.012, 0.014),
            along_y((VOLUTE + 0.01, 0.079, side * 0.13)),
            sides=6,
        )


def flange(meshes: dict[str, Mesh], place: Placement, *, radius: float, bore: float) -> None:
    """A flange whose face looks along its axis, with a bore and eight bolts."""
    at = place
    lathe(
        meshes["casing paint"],
        [
            (-0.012, bore + 0.012),
            (0.0, bore + 0.026),
            (0.0, radius - 0.002),
            (0.002, radius),
            (0.022, radius),
            (0.024, radius - 0.002),
            (0.024, radius * 0.70),
        ],
        at,
    )
    lathe(
        meshes["machined steel"],
        [(0.024, radius * 0.70), (0.028, radius * 0.69), (0.028, bore), (-0.10, bore)],
        at,
    )
    lathe(meshes["bore"], [(-0.06, bore), (-0.06, 0.0)], at)
    bolts(meshes["bolts"], at, count=8, ring=radius * 0.84, base=0.024)


def hexagon(height: float, radius: float) -> list[tuple[float, float]]:
    return [(0.0, radius), (height * 0.8, radius), (height, radius * 0.8), (height, 0.0)]


def bolts(
    mesh: Mesh, place: Placement, *, count: int, ring: float, base: float = 0.0, back: bool = False
) -> None:
    """Hexagon heads on a ring around the axis, looking along it, or back."""
    for i in range(count):
        angle = math.tau * (i + 0.5) / count
        y, z = ring * math.cos(angle), ring * math.sin(angle)
        way = -1.0 if back else 1.0

        def at(p: Vector, y: float = y, z: float = z, way: float = way) -> Vector:
            return place((base + way * p[0], p[1] + y, p[2] + z))

        lathe(mesh, hexagon(0.009, 0.0095), at, sides=6)


def drive_end(meshes: dict[str, Mesh]) -> None:
    axis = along_x((0.0, AXIS, 0.0))
    lathe(
        meshes["casing paint"],
        [
            (-0.020, 0.018),
            (-0.020, 0.062),
            (-0.014, 0.068),
            (0.010, 0.068),
            (0.018, 0.058),
            (0.120, 0.058),
            (0.130, 0.068),
            (0.150, 0.070),
            (0.205, 0.112),
            (0.212, 0.112),
        ],
        axis,
    )
    lathe(meshes["machined steel"], [(-0.20, 0.018), (0.02, 0.018)], axis, sides=24)
    lathe(
        meshes["machined steel"],
        [(0.0, 0.0), (0.014, 0.0), (0.014, 0.011), (0.030, 0.011), (0.030, 0.0)][::-1],
        along_y((0.07, AXIS + 0.05, 0.0)),
        sides=20,
    )
    box(meshes["casing paint"], (0.06, 0.165, 0.0), (0.035, 0.20, 0.09))
    box(meshes["casing paint"], (0.06, 0.068, 0.0), (0.08, 0.022, 0.16))
    # The coupling guard: a hood over the shaft, open below.
    guard, start, end, reach = meshes["guard"], -0.175, -0.03, 0.085
    for radius, inwards in ((reach, False), (reach - 0.003, True)):
        rows = []
        for x in (start, end):
            row = []
            for i in range(33):
                angle = math.pi * i / 32
                y, z = math.sin(angle), math.cos(angle)
                normal = (0.0, -y, -z) if inwards else (0.0, y, z)
                row.append(((x, AXIS + radius * y, radius * z), normal))
            rows.append(row)
        guard.grid(rows)
    for side in (-1, 1):
        box(
            guard,
            ((start + end) / 2, AXIS - 0.13, side * (reach - 0.0015)),
            (end - start, 0.262, 0.003),
            chamfer=0.001,
        )
        box(
            guard,
            ((start + end) / 2, 0.060, side * (reach + 0.012)),
            (end - start, 0.004, 0.03),
            chamfer=0.001,
        )
    for x in (start, end):
        face = [
            (x, AXIS + reach * math.sin(math.pi * i / 32), reach * math.cos(math.pi * i / 32))
            for i in range(33)
        ]
        hole = [
            (x, AXIS + 0.03 * math.sin(math.pi * i / 32), 0.03 * math.cos(math.pi * i / 32))
            for i in range(33)
        ]
        for way in (-1.0, 1.0):
            guard.grid([[(p, (way, 0.0, 0.0)) for p in face], [(p, (way, 0.0, 0.0)) for p in hole]])


def motor(meshes: dict[str, Mesh]) -> None:
    paint, front, back, radius = meshes["motor paint"], -0.215, -0.62, 0.128
    axis = along_x((0.0, AXIS, 0.0))
    lathe(
        paint,
        [
            (back, radius),
            (front - 0.05, radius),
            (front - 0.045, 0.146),
            (front - 0.018, 0.146),
            (front - 0.008, 0.120),
            (front, 0.060),
            (front, 0.018),
        ],
        axis,
    )
    # The fan's cowl, with the grid of its inlet.
    lathe(
        paint,
        [
            (back - 0.115, 0.0),
            (back - 0.115, 0.118),
            (back - 0.104, 0.142),
            (back - 0.085, 0.150),
            (back + 0.012, 0.150),
            (back + 0.012, radius),
        ],
        axis,
    )
    for ring in (0.030, 0.052, 0.074, 0.096):
        lathe(meshes["bore"], [(back - 0.1155, ring), (back - 0.1155, ring + 0.011)][::-1], axis)
    fins = 44
    for i in range(fins):
        angle = math.tau * i / fins
        if abs(math.sin(angle) + 1.0) < 0.06:
            continue
        fin(paint, angle, inner=radius - 0.004, outer=0.148, start=back + 0.016, end=front - 0.055)
    box(paint, (-0.40, AXIS + 0.165, 0.0), (0.15, 0.075, 0.14), chamfer=0.008)
    box(meshes["machined steel"], (-0.40, AXIS + 0.204, 0.0), (0.135, 0.006, 0.125), chamfer=0.002)
    lathe(meshes["bolts"], hexagon(0.03, 0.018), along_z((-0.40, AXIS + 0.165, 0.070)), sides=20)
    box(meshes["machined steel"], (-0.44, AXIS + 0.02, 0.1485), (0.10, 0.055, 0.003), chamfer=0.001)
    eye = [
        (
            (-0.545, AXIS + 0.166 + 0.021 * math.sin(a), 0.021 * math.cos(a)),
            (0.0, math.cos(a), -math.sin(a)),
            0.007,
        )
        for a in (math.tau * i / 28 for i in range(29))
    ]
    tube(meshes["bolts"], eye, sides=12)
    for x in (-0.56, -0.32):
        for side in (-1, 1):
            box(paint, (x, 0.128, side * 0.095), (0.05, 0.14, 0.03))
            box(paint, (x, 0.068, side * 0.120), (0.07, 0.022, 0.09))
            lathe(
                meshes["bolts"], hexagon(0.012, 0.013), along_y((x, 0.079, side * 0.142)), sides=6
            )


def fin(mesh: Mesh, angle: float, *, inner: float, outer: float, start: float, end: float) -> None:
    """A cooling fin that stands on the motor's barrel."""
    c, s = math.cos(angle), math.sin(angle)
    half = 0.0022

    def point(x: float, reach: float, aside: float) -> Vector:
        return (x, AXIS + reach * c - aside * s, reach * s + aside * c)

    def quad(corners: list[tuple[float, float, float]], outwards: Vector) -> None:
        mesh.face([point(*corner) for corner in corners], outwards)

    for way in (-1.0, 1.0):
        aside = way * half
        quad(
            [
                (start, inner, aside),
                (end, inner, aside),
                (end, outer, aside),
                (start, outer, aside),
            ],
            (0.0, -way * s, way * c),
        )
    quad(
        [(start, outer, -half), (end, outer, -half), (end, outer, half), (start, outer, half)],
        (0.0, c, s),
    )
    for x, way in ((start, -1.0), (end, 1.0)):
        quad(
            [(x, inner, -half), (x, outer, -half), (x, outer, half), (x, inner, half)],
            (way, 0.0, 0.0),
        )


def base(meshes: dict[str, Mesh]) -> None:
    plate = meshes["base plate"]
    box(plate, (-0.13, 0.047, 0.0), (1.18, 0.020, 0.40), chamfer=0.005)
    for side in (-1, 1):
        box(plate, (-0.13, 0.020, side * 0.185), (1.18, 0.040, 0.030), chamfer=0.005)
        box(plate, (-0.13 + side * 0.575, 0.020, 0.0), (0.030, 0.040, 0.40), chamfer=0.005)
        for x in (-0.66, 0.40):
            lathe(
                meshes["bolts"], hexagon(0.014, 0.016), along_y((x, 0.057, side * 0.170)), sides=6
            )


if __name__ == "__main__":
    author = "달구벌유체기계 주식회사 (fictional)"
    glb = write_glb(build(), MATERIALS, name="DGP-80 centrifugal pump", author=author)
    Path(sys.argv[1]).write_bytes(glb)
