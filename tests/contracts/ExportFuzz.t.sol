// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ExportContract} from "../../contracts/ExportContract.sol";
import {IExportContract} from "../../contracts/interfaces/IExportContract.sol";
import {KeysFuzz} from "./KeysFuzz.behavior.sol";
import {Preset} from "./Platform.sol";
import {RecordsFuzz} from "./RecordsFuzz.behavior.sol";

contract ExportFuzzTest is RecordsFuzz, KeysFuzz {
    ExportContract internal export;

    function deploy() internal override returns (Preset) {
        export = new ExportContract(admin, ADMIN_DELAY, RECOVERY_DELAY);
        return Preset(address(export));
    }

    function title() internal pure override returns (string memory) {
        return "Export Contract";
    }

    function sign() internal pure override returns (string memory) {
        return "EXPORT";
    }

    function testFuzz_issueConsented__wantsEveryPartysKey(
        bytes32 digest,
        address holder,
        uint32 life,
        uint8 who,
        address by
    ) public {
        vm.assume(digest != 0 && holder != address(0) && by != issuer);
        IExportContract.Deal memory deal =
            IExportContract.Deal(digest, issuer, exporter, buyer, holder, block.timestamp + life);
        bytes32 asked = export.dealDigest(deal);
        uint256[3] memory keys = [EXPORTER_KEY, BUYER_KEY, ISSUER_KEY];
        address[3] memory parties = [exporter, buyer, issuer];
        who %= 4;
        if (who < 3) keys[who] = 0xbad;
        bytes memory call = abi.encodeCall(
            export.issueConsented,
            (deal, signature(keys[0], asked), signature(keys[1], asked), signature(keys[2], asked))
        );
        if (who < 3) {
            bytes4 wrong = IExportContract.Consent_InvalidSignature.selector;
            refuses(by, call, abi.encodeWithSelector(wrong, parties[who]));
            return;
        }
        vm.prank(by);
        (bool done,) = address(token).call(call);
        truth(done, "issued");
        same(token.ownerOf(uint256(digest)), holder, "holder");
        same(token.recordOf(uint256(digest)).issuer, issuer, "issuer");
    }

    function testFuzz_assign__wantsBothKeysAndTheirTime(address by, uint8 who, uint32 life, uint32 wait) public {
        issueTo(buyer);
        uint64 head = token.recordOf(ID).headBlock;
        IExportContract.Assignment memory assignment =
            IExportContract.Assignment(ID, buyer, exporter, head, block.timestamp + life);
        bytes32 asked = export.assignmentDigest(assignment);
        uint256[2] memory keys = [BUYER_KEY, EXPORTER_KEY];
        address[2] memory parties = [buyer, exporter];
        who %= 3;
        if (who < 2) keys[who] = 0xbad;
        vm.warp(block.timestamp + wait);
        bytes memory call =
            abi.encodeCall(export.assign, (assignment, signature(keys[0], asked), signature(keys[1], asked)));
        if (wait > life) {
            bytes4 over = IExportContract.Consent_Expired.selector;
            refuses(by, call, abi.encodeWithSelector(over, assignment.deadline));
        } else if (who < 2) {
            bytes4 wrong = IExportContract.Consent_InvalidSignature.selector;
            refuses(by, call, abi.encodeWithSelector(wrong, parties[who]));
        } else {
            vm.prank(by);
            (bool done,) = address(token).call(call);
            truth(done, "moved");
        }
        same(token.ownerOf(ID), wait > life || who < 2 ? buyer : exporter, "owner");
    }

    function testFuzz_dealDigest__isEip712s(IExportContract.Deal calldata deal) public view {
        bytes32 typehash = keccak256(
            "Deal(bytes32 digest,address issuer,address exporter,address buyer,address holder,uint256 deadline)"
        );
        bytes32 content = keccak256(
            abi.encode(
                typehash, deal.digest, deal.issuer, deal.exporter, deal.buyer, deal.holder, deal.deadline
            )
        );
        same(export.dealDigest(deal), typed(content), "digest");
    }

    function testFuzz_assignmentDigest__isEip712s(IExportContract.Assignment calldata given) public view {
        bytes32 typehash =
            keccak256("Assignment(uint256 tokenId,address from,address to,uint64 headBlock,uint256 deadline)");
        bytes32 content = keccak256(
            abi.encode(typehash, given.tokenId, given.from, given.to, given.headBlock, given.deadline)
        );
        same(export.assignmentDigest(given), typed(content), "digest");
    }

    function testFuzz_transferFrom__isRefusedToAnyone(address by, address from, address to) public {
        refusedBeforeAndAfter(by, abi.encodeCall(export.transferFrom, (from, to, ID)));
    }

    function testFuzz_safeTransferFrom__isRefusedToAnyone(address by, address to, bytes calldata data) public {
        bytes4 selector = bytes4(keccak256("safeTransferFrom(address,address,uint256)"));
        refusedBeforeAndAfter(by, abi.encodeWithSelector(selector, buyer, to, ID));
        selector = bytes4(keccak256("safeTransferFrom(address,address,uint256,bytes)"));
        refuses(by, abi.encodeWithSelector(selector, buyer, to, ID, data), lockedError());
    }

    function testFuzz_approve__isRefusedToAnyone(address by, address to) public {
        refusedBeforeAndAfter(by, abi.encodeCall(export.approve, (to, ID)));
    }

    function testFuzz_setApprovalForAll__isRefusedToAnyone(address by, address operator, bool yes) public {
        bytes memory refusal = abi.encodeWithSelector(IExportContract.Consent_NoOperators.selector);
        refuses(by, abi.encodeCall(export.setApprovalForAll, (operator, yes)), refusal);
    }

    function refusedBeforeAndAfter(address by, bytes memory call) private {
        refuses(by, call, abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, ID));
        issueTo(buyer);
        refuses(by, call, lockedError());
        refuses(buyer, call, lockedError());
    }

    function lockedError() private pure returns (bytes memory) {
        return abi.encodeWithSelector(IExportContract.Token_Locked.selector, ID);
    }

    function typed(bytes32 content) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Export Contract"),
                keccak256("1"),
                block.chainid,
                address(export)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, content));
    }
}
