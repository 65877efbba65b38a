'use strict';
// Joins every open conversation of the account as a manager, and greets once.
const {start, tell, text, roleOf} = require('./bot');
const agent = start();
const seen = {};

agent.on('connected', () => {
    agent.setAgentState({availability: 'AWAY'});
    agent.subscribeExConversations({convState: ['OPEN']}, (error, body) => tell('subscribed', error || Object.keys(body)));
});

agent.on('cqm.ExConversationChangeNotification', body => body.changes.forEach(change => {
    const id = change.result.convId;
    if (change.type === 'DELETE') {
        delete seen[id];
        return tell('deleted', id);
    }
    const role = roleOf(change.result.conversationDetails, agent.agentId);
    if (seen[id]) return undefined;
    seen[id] = true;
    if (role) return tell('known', role);
    return agent.updateConversationField({
        conversationId: id,
        conversationField: [{field: 'ParticipantsChange', type: 'ADD', role: 'MANAGER'}],
    }, (error, answer) => {
        tell('joined', error ? error.body : answer);
        agent.publishEvent(text(id, 'welcome'), (failed, done) => tell('greeted', failed ? failed.body : done));
    });
}));
