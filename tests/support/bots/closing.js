'use strict';
// Closes every conversation at each change that it hears of, also those that are closed already.
const {start, tell} = require('./bot');
const agent = start();

agent.on('connected', () => agent.subscribeExConversations({convState: ['OPEN']}, error => tell('subscribed', error)));

agent.on('cqm.ExConversationChangeNotification', body => body.changes.forEach(change => {
    if (change.type === 'DELETE') return tell('deleted', change.result.convId);
    const request = {
        conversationId: change.result.convId,
        conversationField: [{field: 'ConversationStateField', conversationState: 'CLOSE'}],
    };
    return agent.updateConversationField(request, error => {
        tell('closed once', error ? error.code : 200);
        agent.updateConversationField(request, again => tell('closed again', again ? again.code : 200));
    });
}));
