// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Anchors} from "../../contracts/Anchors.sol";
import {Recovery} from "../../contracts/Recovery.sol";
import {Test} from "./Test.sol";

/// @dev What both presets have in common.
abstract contract Preset is Anchors, Recovery {}

/// @dev One preset with its roles filled by keys that can sign.
abstract contract Platform is Test {
    uint48 internal constant ADMIN_DELAY = 3 days;
    uint48 internal constant RECOVERY_DELAY = 7 days;

    uint256 internal constant ISSUER_KEY = 0x15;
    uint256 internal constant EXPORTER_KEY = 0xe1;
    uint256 internal constant BUYER_KEY = 0xb2;

    address internal immutable issuer = vm.addr(ISSUER_KEY);
    address internal immutable exporter = vm.addr(EXPORTER_KEY);
    address internal immutable buyer = vm.addr(BUYER_KEY);
    address internal constant admin = address(0xad);
    address internal constant registrar = address(0x4e);
    address internal constant pauser = address(0x9a);
    address internal constant colleague = address(0xc0);
    address internal constant competitor = address(0xcc);
    address internal constant stranger = address(0x57);

    bytes32 internal constant DIGEST = keccak256("manifest");
    bytes32 internal constant NEXT = keccak256("manifest 2");
    bytes32 internal constant REASON = keccak256("letter");
    uint256 internal constant ID = uint256(DIGEST);

    Preset internal token;

    function deploy() internal virtual returns (Preset);

    function setUp() public virtual {
        vm.roll(1_000);
        vm.warp(1_800_000_000);
        token = deploy();
        vm.prank(admin);
        token.authorizeIssuer(issuer);
        vm.prank(admin);
        token.authorizeColleague(colleague, issuer);
        vm.prank(admin);
        token.authorizeIssuer(competitor);
        bytes32 role = token.REGISTRAR_ROLE();
        vm.prank(admin);
        token.grantRole(role, registrar);
        role = token.PAUSER_ROLE();
        vm.prank(admin);
        token.grantRole(role, pauser);
    }

    function issueTo(address holder) internal {
        vm.prank(issuer);
        token.issue(holder, DIGEST);
        later();
    }

    function later() internal {
        vm.roll(block.number + 5);
        vm.warp(block.timestamp + 60);
    }

    function one(address item) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = item;
    }

    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }
}
