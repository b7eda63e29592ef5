import { create } from "@bufbuild/protobuf";
import { type Address, AddressSchema } from "../../xds/generated/envoy/config/core/v3/address_pb.ts";

/** A TCP address; a path is a Unix socket. */
export function socketAddress(address: string, port: number): Address {
	if (address.startsWith("unix://"))
		return create(AddressSchema, { address: { case: "pipe", value: { path: address.slice("unix://".length) } } });
	return create(AddressSchema, {
		address: {
			case: "socketAddress",
			value: { address, portSpecifier: { case: "portValue", value: port } },
		},
	});
}
