// Runs in mongosh as the health check: makes the replica set and the user at the first start.
const password = fs.readFileSync("/run/secrets/mongo_password", "utf8").trim();
try {
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "mongodb:27017" }] });
} catch (error) {
  if (!["AlreadyInitialized", "Unauthorized"].includes(error.codeName)) throw error;
}
const admin = db.getSiblingDB("admin");
try {
  admin.auth("klarity", password);
} catch (error) {
  admin.createUser({ user: "klarity", pwd: password, roles: ["readWriteAnyDatabase"] });
  admin.auth("klarity", password);
}
if (!admin.hello().isWritablePrimary) quit(1);
