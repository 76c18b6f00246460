// Loaded before Azurite (node -r): every account name is known, all with the one key in LOCAL_STORAGE_KEY.
// Azurite itself reads AZURITE_ACCOUNTS from its own environment, which cannot be changed once it runs, while
// storage accounts come and go in the ARM store; which of them exist is the door's business.
"use strict";

const { default: AccountDataStore } = require("azurite/dist/src/common/AccountDataStore");

const key1 = Buffer.from(process.env.LOCAL_STORAGE_KEY, "base64");
AccountDataStore.prototype.getAccount = name => ({ name, key1 });

require("./leave_with_parent");
