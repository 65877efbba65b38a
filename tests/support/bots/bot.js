'use strict';
// What the bots share: the client library with the settings of the environment, and lines of JSON that the test reads.
const {Agent} = require('node-agent-sdk');

exports.tell = (what, detail) => console.log(JSON.stringify({what, detail}));

exports.start = () => {
    const agent = new Agent({
        accountId: process.env.BOT_ACCOUNT,
        username: process.env.BOT_USER,
        password: process.env.BOT_PASSWORD,
        csdsDomain: process.env.BOT_CSDS,
    });
    agent.on('error', error => exports.tell('error', {code: error.code, message: error.message}));
    agent.on('warn', warning => exports.tell('warn', String(warning && warning.message || warning)));
    agent.on('closed', code => exports.tell('closed', code));
    process.on('SIGTERM', () => process.exit(0));
    return agent;
};

exports.text = (dialogId, message, conversationId) => ({
    dialogId, conversationId, event: {type: 'ContentEvent', contentType: 'text/plain', message},
});

exports.roleOf = (details, id) => (details.participants.find(one => one.id === id) || {}).role;
