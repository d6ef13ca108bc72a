# status.jq - the report lines of all hosts as one JSON object (fields: README.md)
def host_start($f): {name: $f[1], address: $f[2], kind: $f[3], link: $f[4], blocked_ports: [],
	power: "off", up: false, boot_id: null, services: [], domains: []};
reduce (inputs | split(" ")) as $f ({directory: $directory, network: $network, shared: $shared, ready: ($ready == "yes"), hosts: []};
	if $f[0] == "host" then .hosts += [host_start($f)]
	elif $f[0] == "power" then .hosts[-1].power = $f[1] | .hosts[-1].up = ($f[1] == "on")
	elif $f[0] == "blocked" then .hosts[-1].blocked_ports += [$f[1] | tonumber]
	elif $f[0] == "boot_id" then .hosts[-1].boot_id = $f[1]
	elif $f[0] == "service" then .hosts[-1].services += [{name: $f[1],
		pid: (if $f[2] == "0" then null else $f[2] | tonumber end), state: $f[3]}]
	elif $f[0] == "domain" then .hosts[-1].domains += [{uuid: $f[1], name: $f[2], state: ($f[3:] | join(" "))}]
	elif $f[0] == "domains-unknown" then .hosts[-1].domains = null
	else . end)
