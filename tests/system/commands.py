# SPDX-License-Identifier: Apache-2.0
"""A table of nova and openstack commands, each run for real by the unmodified clients against a lab with users, and checked for
its exit status and for what it prints; then openstacksdk by clouds.yaml.

A row is the command, what its table has (columns, or properties) or what its text matches, and perhaps another exit status than 0.
$VM, $SLOW, ... are what the rows before have found; rows run in order.
"""
import re
import string
import subprocess
import sys
import tempfile
import time

from clientshell import ClientShell
from novalab import Lab, main, until

lab = Lab("commands", "--auth", "builtin")
api = lab.api
keyfile = tempfile.NamedTemporaryFile("w", suffix=".pub")  # as long as this process lives
keyfile.write("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmpBkgpn4TkBHuGKBlbVO8jpDzz8IsAQwNe9EcUHgT0 someone\n")
keyfile.flush()
known = {"KEYFILE": keyfile.name}
counted = []

NOVA_LIST = "ID, Name, Status, Task State, Power State, Networks"
NOVA_SERVICES = "Id, Binary, Host, Zone, Status, State, Updated_at, Disabled Reason, Forced down"
NOVA_MIGRATIONS = ("Id, UUID, Source Node, Dest Node, Source Compute, Dest Compute, Dest Host, Status, Instance UUID, Old Flavor, "
                   "New Flavor, Created At, Updated At, Type, Project ID, User ID")
NOVA_SERVER_MIGRATIONS = ("Id, Source Node, Dest Node, Source Compute, Dest Compute, Dest Host, Status, Server UUID, Created At, "
                          "Updated At, Project ID, User ID, Total Memory Bytes, Processed Memory Bytes, Remaining Memory Bytes, "
                          "Total Disk Bytes, Processed Disk Bytes, Remaining Disk Bytes")
NOVA_FLAVORS = "ID, Name, Memory_MiB, Disk, Ephemeral, Swap, VCPUs, RXTX_Factor, Is_Public, Description"
OSC_LIST = "ID, Name, Status, Networks, Image, Flavor"
OSC_SERVICES = "ID, Binary, Host, Zone, Status, State, Updated At"
OSC_MIGRATIONS = ("Id, UUID, Source Node, Dest Node, Source Compute, Dest Compute, Dest Host, Status, Server UUID, Old Flavor, "
                  "New Flavor, Type, Created At, Updated At")

# command, columns ("" for none), what its text matches, exit status
BEFORE = [
    ("nova boot --flavor m1.nano --image testguest --availability-zone nova:HostB vm1", "Property, Value",
     r"status +\| BUILD", 0),
    ("openstack server create --flavor m1.micro --image testguest-steady --availability-zone nova:HostB --nic none slow "
     "--os-compute-api-version 2.37", "Field, Value", r"name +\| slow", 0),
]

READ = [
    ("nova list", NOVA_LIST, r"\| $VM \| vm1 +\| ACTIVE +\| - +\| Running +\| private=10\.80\.\d+\.\d+", 0),
    ("nova list --minimal", "ID, Name", r"\| $SLOW \| slow", 0),
    ("nova list --all-tenants", "ID, Name, Tenant ID, Status, Task State, Power State, Networks", r"\| $VM \| vm1 +\| default ", 0),
    ("nova list --name vm1", NOVA_LIST, r"vm1(?!.*slow)", 0),
    ("nova list --host HostB --status ACTIVE", NOVA_LIST, "vm1.*slow|slow.*vm1", 0),
    ("nova list --host HostC", NOVA_LIST, "^[^v]*$", 0),
    ("nova list --limit 1 --sort created_at:asc", NOVA_LIST, r"vm1(?!.*slow)", 0),
    ("nova list --sort display_name:desc", NOVA_LIST, r"vm1.*slow", 0),
    ("nova list --fields name,status", "ID, Name, Status", "vm1 +. ACTIVE", 0),
    ("nova list --status NONSENSE", "", "", 1),
    ("nova --os-compute-api-version 2.1 list", NOVA_LIST, "vm1", 0),
    ("nova show vm1", "Property, Value",
     r"OS-EXT-SRV-ATTR:host +\| HostB.*flavor:original_name +\| m1.nano.*id +\| $VM.*image +\| testguest .*private network.*status", 0),
    ("nova show $VM", "Property, Value", r"name +\| vm1", 0),
    ("nova --os-compute-api-version 2.1 show $VM", "Property, Value", r"flavor +\| m1.nano \(1\)", 0),
    ("nova show nonesuch", "", "No server with a name or ID of 'nonesuch' exists", 1),
    ("nova service-list", NOVA_SERVICES, "nova-compute +. HostB.*nova-compute +. HostC.*nova-scheduler +. HostA|nova-scheduler", 0),
    ("nova service-list --binary nova-compute", NOVA_SERVICES, "HostB(?!.*scheduler)", 0),
    ("nova service-list --host HostC", NOVA_SERVICES, "HostC(?!.*HostB)", 0),
    ("nova hypervisor-list", "ID, Hypervisor hostname, State, Status", "HostB +. up +. enabled", 0),
    ("nova hypervisor-list --matching HostC", "ID, Hypervisor hostname, State, Status", "HostC(?!.*HostB)", 0),
    ("nova hypervisor-show HostB", "Property, Value", r"hypervisor_type +\| QEMU", 0),
    ("nova hypervisor-stats", "Property, Value", r"count +\| 2 .*running_vms +\| 2 ", 0),
    ("nova hypervisor-servers HostB", "ID, Name, Hypervisor ID, Hypervisor Hostname", "$VM", 0),
    ("nova flavor-list", NOVA_FLAVORS, "m1.nano .*m1.tiny", 0),
    ("nova flavor-show m1.nano", "Property, Value", r"ram +\| 64 ", 0),
    ("nova flavor-show 4", "Property, Value", r"name +\| m1.small ", 0),
    ("nova flavor-show nonesuch", "", "No flavor with a name or ID of 'nonesuch' exists", 1),
    ("nova limits", "Name, Used, Max|Verb, URI, Value, Remain, Unit, Next_Available", "Cores.*Instances|Instances.*Cores", 0),
    ("nova availability-zone-list", "Name, Status", "nova +. available.*HostB", 0),
    ("nova aggregate-list", "Id, Name, Availability Zone, UUID", "", 0),
    ("nova server-group-list", "Id, Name, Project Id, User Id, Policy, Rules, Members", "", 0),
    ("nova keypair-list", "Name, Type, Fingerprint", "", 0),
    ("nova version-list", "Id, Status, Updated, Min Version, Version", r"v2.1 +\| CURRENT .*2\.87", 0),
    ("nova instance-action-list vm1", "Action, Request_ID, Message, Start_Time, Updated_At", r"create +\| $REQUEST", 0),
    ("nova instance-action vm1 $REQUEST", "Property, Value", r"action +\| create .*request_id +\| $REQUEST", 0),
    ("nova instance-action vm1 req-nonesuch", "", "req-nonesuch|not be found|ERROR", 1),
    ("nova console-log vm1", "", "[A-Z]", 0),
    ("nova console-log --length 1 slow", "", ".", 0),
    ("nova server-tag-list vm1", "Tag", "", 0),
    ("nova interface-list vm1", "Port State, Port ID, Net ID, IP addresses, MAC Addr|Port State, Port ID, Net ID, IP addresses, "
     "MAC Addr, Tag", "", 0),
    ("nova list-secgroup vm1", "Id, Name, Description", "", 0),
    ("nova quota-show", "Quota, Limit", r"instances +\| .*cores +\| ", 0),
    ("nova quota-defaults", "Quota, Limit", r"cores +\| ", 0),
    ("nova usage", "Servers, RAM MiB-Hours, CPU Hours, Disk GiB-Hours", r"\| 2 ", 0),
    ("nova usage-list", "Tenant ID, Servers, RAM MiB-Hours, CPU Hours, Disk GiB-Hours", "default +. 2 ", 0),
    ("nova migration-list", NOVA_MIGRATIONS, "", 0),
    ("nova server-migration-list vm1", NOVA_SERVER_MIGRATIONS, "", 0),
    ("nova server-topology vm1", "", "nodes", 0),
    ("nova endpoints", "", "error|deprecated|compute|ERROR", 2),

    ("openstack server list", OSC_LIST, r"\| $VM \| vm1 +\| ACTIVE +\| private=10\.80\.\d+\.\d+ +\| testguest +\| m1.nano ", 0),
    ("openstack server list -n", "ID, Name, Status, Networks, Image ID, Flavor ID|" + OSC_LIST, "vm1", 0),
    ("openstack server list --no-name-lookup", "ID, Name, Status, Networks, Image ID, Flavor ID|" + OSC_LIST, "slow", 0),
    ("openstack server list --name vm1 -f value -c ID", "", "^$VM\n$$", 0),
    ("openstack server list --all-projects --host HostB --long -f json", "", '"Host": "HostB"', 0),
    ("openstack server list --status ACTIVE --flavor m1.nano -f value -c Name", "", "^vm1\n$$", 0),
    ("openstack server list --limit 1 -f value -c Name", "", r"^\w+\n$$", 0),
    ("openstack server show vm1", "Field, Value", r"OS-EXT-SRV-ATTR:host +\| HostB.*flavor +\| m1.nano.*image +\| testguest", 0),
    ("openstack server show $VM -f value -c status", "", "^ACTIVE\n$$", 0),
    ("openstack --os-compute-api-version 2.87 server show vm1", "Field, Value", "original_name='m1.nano'", 0),
    ("openstack server show nonesuch", "", "No server with a name or ID of 'nonesuch' exists|No Server found", 1),
    ("openstack compute service list", OSC_SERVICES, "nova-compute +. HostB", 0),
    ("openstack compute service list --service nova-scheduler -f value -c Host", "", "^HostA\n$$", 0),
    ("openstack --os-compute-api-version 2.69 compute service list --host HostC --long -f json", "", '"Forced Down": false', 0),
    ("openstack hypervisor list", "ID, Hypervisor Hostname, Hypervisor Type, Host IP, State", "HostB +. QEMU .*HostC", 0),
    ("openstack hypervisor list --matching HostC -f value -c 'Hypervisor Hostname'", "", "^HostC\n$$", 0),
    ("openstack hypervisor show HostB", "Field, Value", r"hypervisor_hostname +\| HostB", 0),
    ("openstack hypervisor stats show", "Field, Value", r"count +\| 2 ", 0),
    ("openstack host list", "Host Name, Service, Zone", "HostB +. compute", 0),
    ("openstack host show HostB", "Host, Project, CPU, Memory MB, Disk GB", r"\(total\).*\(used_now\).*\(used_max\).*default", 0),
    ("openstack host show HostZ", "", "HTTP 404", 1),
    ("openstack flavor list", "ID, Name, RAM, Disk, Ephemeral, VCPUs, Is Public", "m1.nano .*m1.small", 0),
    ("openstack flavor show m1.nano", "Field, Value", r"ram +\| 64 ", 0),
    ("openstack flavor show nonesuch", "", "nonesuch", 1),
    ("openstack image list", "ID, Name, Status", "testguest +. active", 0),
    ("openstack image show testguest", "Field, Value", r"disk_format +\| qcow2", 0),
    ("openstack keypair list", "Name, Fingerprint|Name, Fingerprint, Type|", "", 0),
    ("openstack usage list", "Project, Servers, RAM MB-Hours, CPU Hours, Disk GB-Hours", "default +. +2 ", 0),
    ("openstack usage show -f json", "", "default|cpu_hours|CPU", 0),
    ("openstack availability zone list --compute", "Zone Name, Zone Status", "nova +. available", 0),
    ("openstack aggregate list", "ID, Name, Availability Zone|", "", 0),
    ("openstack server group list", "ID, Name, Policies|ID, Name, Policy|", "", 0),
    ("openstack limits show --absolute", "Name, Value", "totalInstancesUsed +. +2|totalInstancesUsed", 0),
    ("openstack extension list --compute -f value -c Alias", "", "os-", 0),
    ("openstack versions show --service compute", "Region Name, Service Type, Version, Status, Endpoint, Min Microversion, Max Microversion",
     r"CURRENT .* 2\.1 .* 2\.87", 0),
    ("openstack --os-compute-api-version 2.80 server migration list", OSC_MIGRATIONS + "|", "", 0),
    ("openstack server event list vm1", "Request ID, Server ID, Action, Start Time|Request ID, Server ID, Action, Start Time, User ID, "
     "Project ID", "$REQUEST .* create ", 0),
    ("openstack server event show vm1 $REQUEST", "Field, Value", r"action +\| create ", 0),
    ("openstack console log show vm1", "", "[A-Z]", 0),
    ("openstack token issue", "Field, Value", r"project_id +\| default", 0),
    ("openstack catalog list -f json", "", '"compute"', 0),
    ("openstack catalog show compute", "Field, Value", "/v2.1", 0),
    ("openstack project list", "ID, Name", "default .*services", 0),
    ("openstack project show default", "Field, Value", r"name +\| default", 0),
    ("openstack user list", "ID, Name", "admin.*compute|compute.*admin", 0),
    ("openstack user show admin", "Field, Value", r"name +\| admin", 0),
    ("openstack role list", "ID, Name", "admin", 0),
    ("openstack role assignment list --names", "Role, User, Group, Project, Domain, System, Inherited", "admin.*default", 0),
]

CHANGE = [
    ("nova service-disable --reason maintenance $SERVICE", "ID, Host, Binary, Status, Disabled Reason", "HostC .* disabled +. maintenance", 0),
    ("nova service-list --host HostC", NOVA_SERVICES, "disabled +. up +.*maintenance", 0),
    ("nova --os-compute-api-version 2.30 live-migration vm1 HostC", "", "HostC.*disabled|disabled.*HostC|No valid host", 1),
    ("nova service-enable $SERVICE", "ID, Host, Binary, Status", "HostC .* enabled", 0),
    ("nova --os-compute-api-version 2.52 service-disable HostC", "Host, Binary, Status", "HostC .* disabled", 0),
    ("nova --os-compute-api-version 2.52 service-enable HostC", "Host, Binary, Status", "HostC .* enabled", 0),
    ("openstack compute service set --disable --disable-reason fan HostC nova-compute", "", "^$$", 0),
    ("openstack compute service list --long --host HostC --service nova-compute -f value -c Status -c 'Disabled Reason'", "", "disabled fan", 0),
    ("openstack compute service set --enable HostC nova-compute", "", "^$$", 0),
    ("openstack --os-compute-api-version 2.11 compute service set --down HostC nova-compute", "", "^$$", 0),
    ("openstack --os-compute-api-version 2.11 compute service set --up HostC nova-compute", "", "^$$", 0),
    ("nova service-force-down $SERVICE", "ID, Host, Binary, Forced down", "HostC .* True", 0),
    ("nova service-force-down --unset $SERVICE", "ID, Host, Binary, Forced down", "HostC .* False", 0),
    ("nova keypair-add --pub-key $KEYFILE mine", "", "", 0),
    ("nova keypair-list", "Name, Type, Fingerprint", "mine +. ssh ", 0),
    ("nova keypair-show mine", "", "mine", 0),
    ("openstack keypair create --public-key $KEYFILE other", "Field, Value", r"name +\| other", 0),
    ("openstack keypair list", "Name, Fingerprint|Name, Fingerprint, Type", "mine.*other", 0),
    ("openstack keypair show mine", "Field, Value", r"name +\| mine", 0),
    ("nova keypair-delete mine", "", "^$$", 0),
    ("openstack keypair delete other", "", "^$$", 0),
    ("nova quota-update --instances 5 default", "", "^$$", 0),
    ("nova quota-show", "Quota, Limit", r"instances +\| 5 ", 0),
    ("nova update --name vm1b --description words vm1", "", "^$$", 0),
    ("openstack server set --name vm1 vm1b", "", "^$$", 0),
    ("nova live-migration vm1 HostZ", "", "HostZ|No valid host|could not be found", 1),
]

PROPERTIES = "Property, Value"
NOVA_AGGREGATE = "Id, Name, Availability Zone, Hosts, Metadata, UUID"
NOVA_GROUP = "Id, Name, Project Id, User Id, Policy, Rules, Members"

# What the API has beside servers: who may be where, how much, and what it is called.
ARRANGE = [
    ("nova diagnostics vm1", PROPERTIES, r"config_drive +\| False .*driver +\| libvirt .*num_cpus +\| 1 .*state +\| running", 0),
    ("nova --os-compute-api-version 2.1 diagnostics vm1", PROPERTIES, r"cpu0_time +\| \d+ .*memory +\| 65536 ", 0),
    ("openstack --os-compute-api-version 2.48 server show --diagnostics vm1", "Field, Value", r"driver +\| libvirt .*num_cpus +\| 1", 0),
    ("openstack server show --diagnostics nonesuch", "", "nonesuch", 1),
    ("nova lock vm1", "", "^$$", 0),
    ("nova show vm1", PROPERTIES, r"locked +\| True ", 0),
    ("nova list --locked True", NOVA_LIST, "vm1(?!.*slow)", 0),
    ("nova unlock vm1", "", "^$$", 0),
    ("openstack --os-compute-api-version 2.73 server lock --reason 'hands off' vm1", "", "^$$", 0),
    ("openstack --os-compute-api-version 2.73 server show vm1 -f value -c locked_reason", "", "^hands off$$", 0),
    ("openstack server unlock vm1", "", "^$$", 0),
    ("nova reset-state vm1", "", "Reset state for server vm1 succeeded; new state is error", 0),
    ("nova list --status ERROR", NOVA_LIST, "vm1(?!.*slow)", 0),
    ("nova reset-state --active vm1", "", "Reset state for server vm1 succeeded; new state is active", 0),
    ("openstack server show vm1 -f value -c status", "", "^ACTIVE$$", 0),

    ("nova meta vm1 set role=db place=here", "", "^$$", 0),
    ("openstack server set --property colour=blue vm1", "", "^$$", 0),
    ("nova show vm1", PROPERTIES, r'metadata +\| \{(?=.*"role": "db")(?=.*"place": "here")(?=.*"colour": "blue")', 0),
    ("nova meta vm1 delete place", "", "^$$", 0),
    ("openstack server unset --property colour vm1", "", "^$$", 0),
    ("openstack server show vm1 -f value -c properties", "", "role(?!.*place)(?!.*colour)", 0),
    ("nova server-tag-add vm1 red green", "", "Request to add tag red .*Request to add tag green ", 0),
    ("nova server-tag-list vm1", "Tag", "red.*green", 0),
    ("nova server-tag-delete vm1 red", "", "Request to delete tag red ", 0),
    ("nova server-tag-set vm1 one two", "", "^$$", 0),
    ("nova list --tags one,two", NOVA_LIST, "vm1(?!.*slow)", 0),
    ("nova list --tags one,three", NOVA_LIST, "^[^v]*$$", 0),
    ("nova list --not-tags-any one", NOVA_LIST, "slow(?!.*vm1)", 0),
    ("openstack --os-compute-api-version 2.26 server set --tag three vm1", "", "^$$", 0),
    ("openstack --os-compute-api-version 2.26 server unset --tag one vm1", "", "^$$", 0),
    ("openstack --os-compute-api-version 2.26 server list --tags three,two -f value -c Name", "", "^vm1$$", 0),
    ("nova server-tag-delete-all vm1", "", "^$$", 0),
    ("nova server-tag-list vm1", "Tag", r"^[^|]*\|[^|]*\|[^|]*$$", 0),

    ("nova server-group-create near affinity", NOVA_GROUP, r"near .*affinity", 0),
    ("nova server-group-create --rule max_server_per_host=2 apart anti-affinity", NOVA_GROUP, 'apart .*anti-affinity .*max_server_per_host', 0),
    ("nova server-group-list", NOVA_GROUP, "near.*apart|apart.*near", 0),
    ("nova server-group-create odd togetherness", "", "togetherness", 1),
    ("openstack --os-compute-api-version 2.64 server group create --policy soft-affinity soft", "Field, Value", r"policy +\| soft-affinity", 0),
    ("openstack --os-compute-api-version 2.64 server group show near", "Field, Value", r"policy +\| affinity", 0),
    ("openstack --os-compute-api-version 2.64 server group list -f value -c Name", "", "near.*apart.*soft", 0),
    ("openstack server group delete near soft", "", "^$$", 0),
    ("openstack server group delete apart", "", "^$$", 0),
    ("openstack server group show near", "", "", 1),

    ("nova aggregate-create rack zone1", NOVA_AGGREGATE, "rack +. zone1 ", 0),
    ("nova aggregate-add-host rack HostC", NOVA_AGGREGATE, "HostC", 0),
    ("nova aggregate-add-host rack HostC", "", "already|Conflict|409", 1),
    ("nova aggregate-add-host rack HostZ", "", "HostZ.*404|404.*HostZ|HostZ", 1),
    ("nova aggregate-set-metadata rack ssd=true", NOVA_AGGREGATE, "ssd=true", 0),
    ("nova aggregate-show rack", NOVA_AGGREGATE, "HostC.*ssd=true", 0),
    ("nova availability-zone-list", "Name, Status", "zone1 +. available.*HostC", 0),
    ("nova aggregate-update rack --name row", NOVA_AGGREGATE, "row +. zone1 ", 0),
    ("nova aggregate-delete row", "", "is not empty", 1),
    ("nova aggregate-remove-host row HostC", NOVA_AGGREGATE, "row", 0),
    ("nova aggregate-delete row", "", "successfully deleted", 0),
    ("openstack aggregate create --zone zone2 --property gpu=no second", "Field, Value", r"availability_zone +\| zone2", 0),
    ("openstack aggregate add host second HostC", "Field, Value", "HostC", 0),
    ("openstack aggregate show second", "Field, Value", "hosts +. HostC", 0),
    ("openstack aggregate set --property gpu=yes second", "", "^$$", 0),
    ("openstack aggregate list --long -f json", "", '"gpu": "yes"', 0),
    ("openstack aggregate unset --property gpu second", "", "^$$", 0),
    ("openstack aggregate add host second HostB", "", "contain instances in this zone", 1),
    ("openstack aggregate remove host second HostC", "Field, Value", "second", 0),
    ("openstack aggregate delete second", "", "^$$", 0),
    ("openstack aggregate list -f value", "", "^$$", 0),

    ("nova flavor-create --ephemeral 1 --is-public false f1 101 96 1 1", NOVA_FLAVORS, r"\| 101 +\| f1 +\| 96 +\| 1 +\| 1 ", 0),
    ("nova flavor-create f1 102 96 1 1", "", "already exists|409", 1),
    ("nova flavor-access-add f1 default", "Flavor_ID, Tenant_ID", "101 +. default", 0),
    ("nova flavor-access-list --flavor f1", "Flavor_ID, Tenant_ID", "101 +. default", 0),
    ("nova flavor-access-remove f1 default", "", "", 0),
    ("nova flavor-key f1 set a=1 b=2", "", "^$$", 0),
    ("nova flavor-key f1 unset a", "", "^$$", 0),
    ("nova flavor-update f1 words", NOVA_FLAVORS, "words", 0),
    ("nova flavor-show f1", PROPERTIES, r'extra_specs +\| \{"b": "2"\}', 0),
    ("nova flavor-list --all", NOVA_FLAVORS, "f1", 0),
    ("nova flavor-list", NOVA_FLAVORS, "m1.nano(?!.*f1)", 0),
    ("nova flavor-delete f1", "", "", 0),
    ("openstack flavor create --ram 96 --disk 1 --vcpus 1 --property c=3 f2", "Field, Value", r"name +\| f2 ", 0),
    ("openstack flavor set --property d=4 f2", "", "^$$", 0),
    ("openstack flavor unset --property c f2", "", "^$$", 0),
    ("openstack flavor show f2", "Field, Value", r"properties +\| d='4'", 0),
    ("openstack flavor delete f2", "", "^$$", 0),
    ("openstack flavor delete f2", "", "f2", 1),

    ("nova quota-update --cores 15 --force default", "", "^$$", 0),
    ("nova quota-show --tenant default --detail", "Quota, Limit", "cores +. +.*15|15", 0),
    ("nova quota-update --instances 1 default", "", "400|already used|in use", 1),
    ("nova quota-delete --tenant default", "", "^$$", 0),
    ("nova quota-show --tenant default", "Quota, Limit", r"cores +\| -1 ", 0),
    ("openstack quota set --ram 12345 default", "", "^$$", 0),
    ("openstack quota show default -f json", "", '12345', 0),
    ("nova quota-delete --tenant default", "", "^$$", 0),
    ("nova usage --start 2020-01-01 --end 2020-02-01", "", "None|0|^Usage", 0),
    ("openstack usage list --start 2020-01-01 --end 2020-02-01", "", "", 0),
    ("nova keypair-add made", "", "BEGIN .*PRIVATE KEY", 0),
    ("nova keypair-add made", "", "already exists", 1),
    ("nova keypair-delete made", "", "^$$", 0),
    ("nova keypair-delete made", "", "404|not found|No keypair", 1),
    ("openstack keypair create made", "", "BEGIN .*PRIVATE KEY", 0),
    ("openstack keypair delete made", "", "^$$", 0),
    ("nova get-vnc-console vm1 novnc", "", "HTTP 400|console", 1),
    ("openstack console url show vm1", "", "HTTP 400|console", 1),
]


def fill(text, escape=lambda x: x):
    return string.Template(text).safe_substitute({key: escape(value) for key, value in known.items()}).replace("$$", "$")


def table_of(text):
    """The columns of the first printed table; None: there is none."""
    lines = text.splitlines()
    for above, line in zip(lines, lines[1:]):
        if above.startswith("+-") and line.startswith("|"):
            return [cell.strip() for cell in line.strip("|").split("|")]
    return None


def try_row(shell, row):
    command, columns, pattern, want = row
    command = fill(command)
    began = time.monotonic()
    status, out, err = shell.run(command)
    said = out + err
    counted.append((command, time.monotonic() - began))
    if status != want:
        return "%s: exit %d, not %d: %s" % (command, status, want, said.strip()[-600:])
    if columns:
        # several choices: clients differ; an empty one: no table when there is nothing to list
        wanted = [choice.split(", ") if choice else None for choice in columns.split("|")]
        if table_of(out) not in wanted:
            return "%s: its columns are %s, not %s: %s" % (command, table_of(out), wanted, said.strip()[-600:])
    if pattern and not re.search(fill(pattern, re.escape), said if want else out, re.DOTALL):
        return "%s: '%s' is not in: %s" % (command, fill(pattern, re.escape), said.strip()[-1500:])
    return None


def run_table(rows):
    shell = ClientShell({**lab.environment, "OS_COMPUTE_API_VERSION": ""})
    try:
        wrong = [problem for problem in (try_row(shell, row) for row in rows) if problem]
    finally:
        shell.end()
    assert not wrong, "%d of %d:\n%s" % (len(wrong), len(rows), "\n".join(wrong))
    return "%d commands" % len(rows)


def make_servers():
    said = run_table(BEFORE)
    known["VM"] = api.named("/servers", "servers", "vm1")["id"]
    known["SLOW"] = api.named("/servers", "servers", "slow")["id"]
    for uuid in (known["VM"], known["SLOW"]):
        api.wait_status(uuid, "ACTIVE")
    lab.wait_counting(known["VM"], 1)
    known["REQUEST"] = api.get("/servers/%s/os-instance-actions" % known["VM"])["instanceActions"][-1]["request_id"]
    known["SERVICE"] = next(s["id"] for s in api.get("/os-services")["services"] if s["host"] == "HostC")
    return said


def look():
    return run_table(READ)


def change():
    return run_table(CHANGE)


def arrange():
    return run_table(ARRANGE)


def life():
    shell = ClientShell(lab.environment)
    steps = [("nova pause vm1", "PAUSED"), ("openstack server unpause vm1", "ACTIVE"), ("openstack server pause vm1", "PAUSED"),
             ("nova unpause vm1", "ACTIVE"), ("nova suspend vm1", "SUSPENDED"), ("openstack server resume vm1", "ACTIVE"),
             ("openstack server suspend vm1", "SUSPENDED"), ("nova resume vm1", "ACTIVE")]
    try:
        for command, status in steps:
            problem = try_row(shell, (command, "", "^$$", 0))
            assert not problem, problem
            api.wait_status(known["VM"], status)
        for command, pattern in (("nova unpause vm1", "while it is in vm_state active"), ("openstack server resume vm1", "while it is in vm_state active")):
            problem = try_row(shell, (command, "", pattern, 1))
            assert not problem, problem
    finally:
        shell.end()
    return "%d commands" % (len(steps) + 2)


def arrived(uuid, host):
    for _ in until(60, lambda: api.newest_migration(uuid)):
        if api.newest_migration(uuid)["status"] in ("completed", "error", "failed", "cancelled"):
            break
    assert api.newest_migration(uuid)["status"] == "completed", api.newest_migration(uuid)
    assert api.wait_status(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == host


def migrate():
    shell = ClientShell(lab.environment)
    rows = []

    def do(command, columns="", pattern="", want=0):
        rows.append(command)
        problem = try_row(shell, (command, columns, pattern, want))
        assert not problem, problem
    try:
        do("nova live-migration vm1 HostC", pattern="^$$")
        arrived(known["VM"], "HostC")
        do("openstack --os-compute-api-version 2.30 server migrate --live-migration --host HostB --wait vm1", pattern="Complete|^$$")
        arrived(known["VM"], "HostB")
        do("openstack server migrate --live-migration vm1 --os-compute-api-version 2.30")
        arrived(known["VM"], "HostC")
        do("nova migration-list --instance-uuid $VM --status completed", NOVA_MIGRATIONS, "HostB .* HostC .* completed")
        do("nova migration-list --host HostC", NOVA_MIGRATIONS, "$VM")
        do("openstack --os-compute-api-version 2.80 server migration list --server vm1 -f json", pattern='"Status": "completed"')
        # one that takes its time
        lab.run("set", "HostB", "libvirt.live_migration_bandwidth", "2")
        lab.run("reload", "HostB", "compute")
        lab.wait_counting(known["SLOW"], 10)
        do("nova live-migration slow HostC")
        number = api.newest_migration(known["SLOW"])["id"]
        for _ in until(30, lambda: api.migration(known["SLOW"], number)):
            if api.migration(known["SLOW"], number)["memory_processed_bytes"] > 0:
                break
        known["NUMBER"] = str(number)
        do("nova server-migration-list slow", NOVA_SERVER_MIGRATIONS, "$NUMBER .* running .* $SLOW")
        do("nova server-migration-show slow $NUMBER", "Property, Value", r"dest_compute +\| HostC")
        do("openstack server list --name slow -f value -c Status", pattern="^MIGRATING")
        do("nova stop slow", pattern="Cannot 'stop' instance", want=1)
        do("nova live-migration-abort slow $NUMBER")
        api.wait_migration(known["SLOW"], number)
        assert api.newest_migration(known["SLOW"])["status"] == "cancelled"
        do("openstack --os-compute-api-version 2.80 server migrate --live-migration --host HostC slow")
        number = api.newest_migration(known["SLOW"])["id"]
        known["NUMBER"] = str(number)
        for _ in until(30, lambda: api.migration(known["SLOW"], number)):
            if api.migration(known["SLOW"], number)["memory_processed_bytes"] > 0:
                break
        do("openstack --os-compute-api-version 2.80 server migration force complete slow $NUMBER")
        lab.run("set", "HostB", "libvirt.live_migration_bandwidth", "0")
        lab.run("reload", "HostB", "compute")
        arrived(known["SLOW"], "HostC")
        do("nova host-evacuate-live HostC --target-host HostB", "Server UUID, Live Migration Accepted, Error Message", "$VM .* True")
        for uuid in (known["VM"], known["SLOW"]):
            arrived(uuid, "HostB")
    finally:
        shell.end()
    return "%d commands" % len(rows)


def power():
    shell = ClientShell(lab.environment)
    steps = [("nova stop vm1", "Request to stop server vm1 has been accepted", "SHUTOFF"),
             ("openstack server start vm1", "", "ACTIVE"),
             ("nova reboot --hard vm1", "Request to reboot server", "ACTIVE"),
             ("openstack server reboot --hard vm1", "", "ACTIVE"),
             ("openstack server stop vm1", "", "SHUTOFF"),
             ("nova start vm1", "Request to start server vm1 has been accepted", "ACTIVE")]
    try:
        for command, pattern, status in steps:
            problem = try_row(shell, (command, "", pattern, 0))
            assert not problem, problem
            api.wait_status(known["VM"], status)
        problem = try_row(shell, ("nova delete slow", "", "Request to delete server slow has been accepted", 0))
        assert not problem, problem
        problem = try_row(shell, ("openstack server delete --wait vm1", "", "", 0))
        assert not problem, problem
        for _ in until(30, lambda: api.get("/servers")):
            if not api.get("/servers")["servers"]:
                break
        problem = try_row(shell, ("nova show $VM", "", "No server with a name or ID of", 1))
        assert not problem, problem
    finally:
        shell.end()
    lab.check_books()
    return "%d commands" % (len(steps) + 3)


SDK = """
import openstack, time
conn = openstack.connect(cloud="lab")
image, flavor = conn.image.find_image("testguest"), conn.compute.find_flavor("m1.nano")
server = conn.compute.create_server(name="sdk", image_id=image.id, flavor_id=flavor.id, networks="auto")
server = conn.compute.wait_for_server(server, wait=60)
assert server.status == "ACTIVE", server
assert [s.name for s in conn.compute.servers()] == ["sdk"]
host = server.compute_host
other = next(s.host for s in conn.compute.services(binary="nova-compute") if s.host != host)
conn.compute.default_microversion = "2.30"
conn.compute.live_migrate_server(server, host=other, block_migration="auto")
deadline = time.monotonic() + 60
while (server.status, server.compute_host, server.task_state) != ("ACTIVE", other, None):
    assert time.monotonic() < deadline, server
    time.sleep(0.2)
    server = conn.compute.get_server(server.id)
conn.compute.delete_server(server)
conn.compute.wait_for_delete(server, wait=60)
assert list(conn.compute.servers()) == []
print("moved from", host, "to", other)
"""


def openstacksdk():
    names = ("PATH", "HOME", "OS_CLIENT_CONFIG_FILE", "no_proxy", "NO_PROXY")
    done = subprocess.run([sys.executable, "-c", SDK], env={n: lab.environment[n] for n in names if n in lab.environment},
                          capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    lab.check_books()
    return done.stdout.strip()


def enough():
    assert len(counted) >= 240, len(counted)
    slowest = max(counted, key=lambda c: c[1])
    return "%d commands in %.0f s, the slowest (%.1f s): %s" % (len(counted), sum(c[1] for c in counted), slowest[1], slowest[0])


try:
    status = main([make_servers, look, change, arrange, life, migrate, power, openstacksdk, enough])
finally:
    lab.down()
sys.exit(status)
