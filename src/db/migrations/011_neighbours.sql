-- SPDX-License-Identifier: Apache-2.0
-- Servers beside which a server shall be, or not be: as given at its creation, for every later choice of a host.

ALTER TABLE instances
    ADD COLUMN same_host_as uuid[],             -- with any of these; NULL: anywhere
    ADD COLUMN not_host_of uuid[];              -- with none of these
