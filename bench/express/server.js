// The normal approach: one table, no events. PORT and PGHOST etc. come from the environment.
const express = require("express");
const { Pool } = require("pg");

const CONNECTIONS = 32;
const UNIQUE_VIOLATION = "23505";

const pool = new Pool({ max: CONNECTIONS });
const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.use(express.json());

app.post("/users", async (request, response) => {
  const { username, fullName } = request.body;
  if (typeof username !== "string" || typeof fullName !== "string") {
    return response.status(422).json({ title: "username and fullName are text" });
  }
  try {
    await pool.query({
      name: "add",
      text: 'INSERT INTO "user" (username, full_name) VALUES ($1, $2)',
      values: [username, fullName],
    });
  } catch (error) {
    if (error.code === UNIQUE_VIOLATION) {
      return response.status(409).json({ title: "the user exists" });
    }
    throw error;
  }
  return response.status(201).json({ username });
});

app.get("/users/:username", async (request, response) => {
  const { rows } = await pool.query({
    name: "find",
    text: 'SELECT id, username, created_at, full_name FROM "user" WHERE username = $1',
    values: [request.params.username],
  });
  if (rows.length === 0) {
    return response.status(404).json({ title: "no such user" });
  }
  const [user] = rows;
  return response.json({
    id: user.id,
    username: user.username,
    createdAt: user.created_at,
    fullName: user.full_name,
  });
});

app.listen(Number(process.env.PORT), "127.0.0.1");
